//! One method of the block: its arguments and the way it is called, or the reason why it cannot be called.

use syn::visit::{self, Visit};
use syn::{
    Attribute, Error, FnArg, Ident, ImplItemFn, Pat, Result, ReturnType, Type, TypeReference, Visibility, parse_quote,
};

/// The way in which a method reaches its object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// `fn` with `&self` or `&mut self`.
    Turn,
    /// `async fn` with `&self` or `&mut self`.
    Held,
    /// `async fn` with `Access<'_, Self>`.
    Access,
}

/// A method that the trait will have.
pub(crate) struct Method<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) visibility: &'a Visibility,
    pub(crate) receiver: Receiver,
    /// Documentation and conditions, which also apply to the calls.
    pub(crate) attributes: Vec<&'a Attribute>,
    pub(crate) arguments: Vec<(&'a Ident, &'a Type)>,
    pub(crate) output: Type,
}

/// Returns true if the attribute excludes its method.
pub(crate) fn is_skip(attribute: &Attribute) -> bool {
    attribute.path().is_ident("subjector")
}

impl<'a> Method<'a> {
    /// Reads a method. Returns `None` if it is not for callers of the object.
    pub(crate) fn read(function: &'a ImplItemFn) -> Result<Option<Self>> {
        if function.attrs.iter().any(is_skip) || matches!(function.vis, Visibility::Inherited) {
            return Ok(None);
        }
        let Some(receiver) = receiver(function)? else { return Ok(None) };
        if let Some(generic) = function.sig.generics.params.iter().find(|generic| !is_lifetime(generic)) {
            return Err(Error::new_spanned(generic, "a subjector's method is not generic: its call crosses executors"));
        }
        let arguments = function.sig.inputs.iter().skip(1).map(argument).collect::<Result<_>>()?;
        let output = match &function.sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, output) => {
                owned(output, "a result goes back to another executor, so it cannot borrow")?;
                Type::clone(output)
            }
        };
        let kept = ["doc", "cfg", "deprecated"];
        let attributes =
            function.attrs.iter().filter(|attribute| kept.iter().any(|name| attribute.path().is_ident(name)));
        Ok(Some(Self {
            name: &function.sig.ident,
            visibility: &function.vis,
            receiver,
            attributes: attributes.collect(),
            arguments,
            output,
        }))
    }
}

fn is_lifetime(generic: &syn::GenericParam) -> bool {
    matches!(generic, syn::GenericParam::Lifetime(_))
}

/// Returns the way in which the method reaches the object; `None` if it does not.
fn receiver(function: &ImplItemFn) -> Result<Option<Receiver>> {
    let is_async = function.sig.asyncness.is_some();
    match function.sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) if receiver.reference.is_some() && receiver.colon_token.is_none() => {
            Ok(Some(if is_async { Receiver::Held } else { Receiver::Turn }))
        }
        Some(FnArg::Receiver(receiver)) => {
            let message =
                "a call borrows the object: take `&self` or `&mut self`, or mark the method #[subjector(skip)]";
            Err(Error::new_spanned(receiver, message))
        }
        Some(FnArg::Typed(first)) if is_access(&first.ty) && is_async => Ok(Some(Receiver::Access)),
        Some(FnArg::Typed(first)) if is_access(&first.ty) => Err(Error::new_spanned(
            function.sig.fn_token,
            "a method that takes `Access` awaits its turns: make it `async`",
        )),
        _ => Ok(None),
    }
}

fn is_access(receiver: &Type) -> bool {
    match receiver {
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Access"),
        _ => false,
    }
}

fn argument(argument: &FnArg) -> Result<(&Ident, &Type)> {
    let FnArg::Typed(argument) = argument else { unreachable!("a receiver comes first") };
    owned(&argument.ty, "an argument crosses to another executor: take it by value")?;
    match &*argument.pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Ok((&name.ident, &*argument.ty)),
        pattern => {
            Err(Error::new_spanned(pattern, "a subjector's method names its arguments: bind the pattern inside"))
        }
    }
}

/// Fails if a type borrows or is not named.
fn owned(of: &Type, message: &str) -> Result<()> {
    struct Borrows(Option<Error>, String);
    impl<'ast> Visit<'ast> for Borrows {
        fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
            if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") {
                visit::visit_type_reference(self, reference);
            } else {
                self.0.get_or_insert_with(|| Error::new_spanned(reference, &self.1));
            }
        }

        fn visit_type_impl_trait(&mut self, opaque: &'ast syn::TypeImplTrait) {
            let message = "a subjector's method is not generic: name the type";
            self.0.get_or_insert_with(|| Error::new_spanned(opaque, message));
        }

        // The arguments of a function pointer belong to its caller, not to the argument.
        fn visit_type_bare_fn(&mut self, _pointer: &'ast syn::TypeBareFn) {}
    }
    let mut borrows = Borrows(None, message.to_owned());
    borrows.visit_type(of);
    borrows.0.map_or(Ok(()), Err)
}
