//! Requests as they are sent, and their answers.
