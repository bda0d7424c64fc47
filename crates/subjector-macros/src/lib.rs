//! The attribute `#[subjector]`; the crate `corecast-subjector` documents and re-exports it.
//!
//! Owns the parsing of an `impl` block and the code that is generated from it. Invariant: the block itself is returned unchanged,
//! except for its `#[subjector(skip)]`.
//!
//! Absent here: anything that runs.
#![forbid(unsafe_code)]

mod arguments;
mod generate;
mod method;

use proc_macro::TokenStream;

/// Gives a `Subjector` of this type the public methods of this `impl` block, asynchronous, with the same names and
/// arguments, and each again as a cast with `cast_` before its name.
///
/// The methods are in a trait, named after the type (`CounterCalls` for `Counter`) unless the attribute says otherwise
/// (`#[subjector(trait = CountCalls)]`). Callers must have it in scope. Methods that are private, that have no
/// receiver or that are marked `#[subjector(skip)]` are left out.
///
/// | in the block | on the `Subjector` | under |
/// | --- | --- | --- |
/// | `fn get(&self) -> u32`, `fn set(&mut self, to: u32)` | `get().await`, `cast_get()`, … | every policy |
/// | `async fn load(access: Access<'_, Self>, key: Key)` | `load(key).await`, `cast_load(key)` | every policy |
/// | `async fn load(&mut self, key: Key)` | `load(key).await`, `cast_load(key)` | `Indivisible` policies |
///
/// Arguments and results move to other executors, so they must be `Send` and own what they hold. A reference is an
/// error here, and so are `self` by value, generic methods and patterns as arguments.
#[proc_macro_attribute]
pub fn subjector(attribute: TokenStream, item: TokenStream) -> TokenStream {
    generate::expand(attribute.into(), item.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}
