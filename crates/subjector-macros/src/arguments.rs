//! The arguments of the attribute: `#[subjector(trait = Name)]`.

use syn::parse::{Parse, ParseStream};
use syn::{Ident, Token};

/// The arguments of the attribute.
#[derive(Default)]
pub(crate) struct Arguments {
    /// The name of the trait.
    pub(crate) name: Option<Ident>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self::default());
        }
        if !input.peek(Token![trait]) {
            return Err(input.error("the one argument of this attribute is `trait = Name`"));
        }
        input.parse::<Token![trait]>()?;
        input.parse::<Token![=]>()?;
        let name = Some(input.parse()?);
        if input.is_empty() { Ok(Self { name }) } else { Err(input.error("unexpected tokens after the trait's name")) }
    }
}
