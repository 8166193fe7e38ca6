//! Writes JSON in order, numbers as the text they are given in: money never
//! passes through a float, and a malformed number can be written too.

/// A JSON text in the making.
pub struct Writer {
    text: String,
    /// Whether a comma is due before the next value or key.
    comma: bool,
}

impl Writer {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            text: String::new(),
            comma: false,
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    /// An object, its fields written by `fields`.
    pub fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.before();
        self.text.push('{');
        self.comma = false;
        fields(self);
        self.text.push('}');
        self.comma = true;
    }

    /// A list, each item written by `item`.
    pub fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.before();
        self.text.push('[');
        self.comma = false;
        for value in items {
            item(self, value);
        }
        self.text.push(']');
        self.comma = true;
    }

    /// A key; its value follows.
    pub fn key(&mut self, key: &str) {
        self.before();
        self.quote(key);
        self.text.push(':');
        self.comma = false;
    }

    /// A text.
    pub fn text(&mut self, value: &str) {
        self.before();
        self.quote(value);
        self.comma = true;
    }

    /// A number or a word of JSON, as it is.
    pub fn raw(&mut self, value: &str) {
        self.before();
        self.text.push_str(value);
        self.comma = true;
    }

    /// A key and a text.
    pub fn field(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text(value);
    }

    /// A key and a raw value.
    pub fn field_raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.raw(value);
    }

    /// A key and an object.
    pub fn field_object(&mut self, key: &str, fields: impl FnOnce(&mut Self)) {
        self.key(key);
        self.object(fields);
    }

    /// A key and a list.
    pub fn field_list<T>(&mut self, key: &str, items: &[T], item: impl FnMut(&mut Self, &T)) {
        self.key(key);
        self.list(items, item);
    }

    fn before(&mut self) {
        if self.comma {
            self.text.push(',');
        }
    }

    /// What is written here is plain ASCII; quotes are escaped all the same.
    fn quote(&mut self, value: &str) {
        self.text.push('"');
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(c);
        }
        self.text.push('"');
    }
}
