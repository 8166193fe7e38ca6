//! `#[policy]`: exports an implementation of `tally_sdk::Policy`.

use proc_macro::{TokenStream, TokenTree};

/// Put on `impl Policy for MyPlan`: exports it as the component's policy. On
/// other targets than WebAssembly it changes nothing, so that the same code
/// is tested natively.
#[proc_macro_attribute]
pub fn policy(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let error = |text: &str| -> TokenStream {
        let text = format!("compile_error!({text:?});");
        text.parse().unwrap_or_default()
    };
    if !arguments.is_empty() {
        return error("`#[policy]` takes no arguments");
    }
    let mut name = TokenStream::new();
    let mut after_for = false;
    let mut tokens = item.clone().into_iter().peekable();
    // Attributes and comments come first: `#` and a group.
    while let Some(TokenTree::Punct(mark)) = tokens.peek()
        && mark.as_char() == '#'
    {
        tokens.nth(1);
    }
    let is_impl =
        matches!(tokens.next(), Some(TokenTree::Ident(word)) if word.to_string() == "impl");
    for token in tokens {
        match &token {
            TokenTree::Ident(ident) if ident.to_string() == "for" => after_for = true,
            TokenTree::Group(_) if after_for => break,
            _ if after_for => name.extend([token]),
            _ => {}
        }
    }
    if !is_impl || name.is_empty() {
        return error("`#[policy]` stands on `impl Policy for YourPlan { … }`");
    }
    let export: TokenStream = format!("::tally_sdk::__export!({name});")
        .parse()
        .unwrap_or_default();
    let mut out = item;
    out.extend(export);
    out
}
