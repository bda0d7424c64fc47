//! The trait of the calls and its implementation.

use crate::arguments::Arguments;
use crate::method::{Method, Receiver, is_skip};
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Error, Ident, ImplItem, ItemImpl, Result, Type, parse_quote};

/// Returns the block, followed by the generated trait and its implementation.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments: Arguments = syn::parse2(attribute)?;
    let mut block: ItemImpl = syn::parse2(item)
        .map_err(|error| Error::new(error.span(), "#[subjector] belongs on an `impl` block of a type's own methods"))?;
    if let Some((_, of, _)) = &block.trait_ {
        return Err(Error::new_spanned(of, "#[subjector] belongs on a type's own `impl` block, not on a trait's"));
    }
    let generated = calls(&arguments, &block)?;
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            check_marks(function)?;
            function.attrs.retain(|attribute| !is_skip(attribute));
        }
    }
    Ok(quote!(#block #generated))
}

/// Checks the marks of a method; the only valid one is `#[subjector(skip)]`.
fn check_marks(function: &syn::ImplItemFn) -> Result<()> {
    for mark in function.attrs.iter().filter(|attribute| is_skip(attribute)) {
        let skips = mark.parse_args::<Ident>().is_ok_and(|argument| argument == "skip");
        if !skips {
            return Err(Error::new_spanned(mark, "on a method this attribute says `skip`"));
        }
    }
    Ok(())
}

fn calls(arguments: &Arguments, block: &ItemImpl) -> Result<TokenStream> {
    let functions = block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) => Some(function),
        _ => None,
    });
    let mut methods = Vec::new();
    let mut errors: Option<Error> = None;
    for function in functions {
        match (Method::read(function), &mut errors) {
            (Ok(method), _) => methods.extend(method),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), None) => errors = Some(error),
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let Some(first) = methods.first() else {
        return Err(Error::new_spanned(&block.self_ty, "no method here is public and takes `self` or `Access`"));
    };
    let of = &block.self_ty;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => format_ident!("{}Calls", type_name(of)?),
    };
    let visibility = first.visibility;
    let mut generics = block.generics.clone();
    generics.params.push(parse_quote!(SubjectorPolicy: ::subjector::Policy));
    let (in_impl, in_type, conditions) = generics.split_for_impl();
    let declared = methods.iter().map(|method| declaration(method, of));
    let defined = methods.iter().map(|method| definition(method, of));
    let about = format!("The calls of a [`Subjector`](::subjector::Subjector) of [`{}`].", of.to_token_stream());
    Ok(quote! {
        #[doc = #about]
        #visibility trait #name #in_impl #conditions { #(#declared)* }

        #[automatically_derived]
        impl #in_impl #name #in_type for ::subjector::Subjector<#of, SubjectorPolicy> #conditions { #(#defined)* }
    })
}

/// Returns the name from which the trait's name is made.
fn type_name(of: &Type) -> Result<&Ident> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
    .ok_or_else(|| Error::new_spanned(of, "this type has no name to name the trait after: say `trait = Name`"))
}

/// The signatures of a call and a cast in the trait, without their ends.
struct Signatures {
    call: TokenStream,
    cast: TokenStream,
}

fn signatures(method: &Method<'_>, of: &Type) -> Signatures {
    let name = method.name;
    let cast = format_ident!("cast_{name}");
    let arguments: Vec<_> = method.arguments.iter().map(|(name, is)| (name, without_self(is, of))).collect();
    let arguments: Vec<_> = arguments.iter().map(|(name, is)| quote!(#name: #is)).collect();
    let output = without_self(&method.output, of);
    let output = match method.receiver {
        Receiver::Turn => quote!(impl ::core::future::Future<Output = #output> + ::core::marker::Send),
        Receiver::Held | Receiver::Access => quote!(impl ::core::future::Future<Output = #output>),
    };
    let condition =
        (method.receiver == Receiver::Held).then(|| quote!(where SubjectorPolicy: ::subjector::Indivisible));
    Signatures {
        call: quote!(fn #name(&self, #(#arguments),*) -> #output #condition),
        cast: quote! {
            fn #cast(&self, #(#arguments),*) -> ::core::result::Result<(), ::subjector::Error> #condition
        },
    }
}

fn declaration(method: &Method<'_>, of: &Type) -> TokenStream {
    let Signatures { call, cast } = signatures(method, of);
    let (documentation, others): (Vec<&Attribute>, Vec<&Attribute>) =
        method.attributes.iter().copied().partition(|attribute| attribute.path().is_ident("doc"));
    let about_cast = format!("Casts [`{0}`](Self::{0}): does not wait for it.", method.name);
    let about_call = documentation.is_empty().then(|| {
        let about = format!("Calls `{}`.", method.name);
        quote!(#[doc = #about])
    });
    quote! {
        #about_call
        #(#documentation)*
        #(#others)*
        #[track_caller]
        #call;

        #[doc = #about_cast]
        ///
        /// # Errors
        /// The same as those of the policy's cast.
        #(#others)*
        #[track_caller]
        #cast;
    }
}

fn definition(method: &Method<'_>, of: &Type) -> TokenStream {
    let Signatures { call, cast } = signatures(method, of);
    let name = method.name;
    let conditions = method.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let conditions: Vec<_> = conditions.collect();
    let arguments: Vec<_> = method.arguments.iter().map(|(name, _)| name).collect();
    let (call_with, cast_with, run) = match method.receiver {
        Receiver::Turn => {
            let run = quote!(move |object: &mut #of| <#of>::#name(object, #(#arguments),*));
            (format_ident!("call"), format_ident!("cast"), run)
        }
        Receiver::Held => {
            let run = quote!(async move |object: &mut #of| <#of>::#name(object, #(#arguments),*).await);
            (format_ident!("call_held"), format_ident!("cast_held"), run)
        }
        Receiver::Access => {
            let run = quote! {
                async move |object: ::subjector::Access<'_, #of>| <#of>::#name(object, #(#arguments),*).await
            };
            (format_ident!("call_async"), format_ident!("cast_async"), run)
        }
    };
    let run_cast = dropping_result(method, of);
    quote! {
        #(#conditions)*
        #[track_caller]
        #call {
            ::subjector::Subjector::#call_with(self, #run)
        }

        #(#conditions)*
        #[track_caller]
        #cast {
            ::subjector::Subjector::#cast_with(self, #run_cast)
        }
    }
}

/// Returns the body of a cast, which calls the method and drops its result.
fn dropping_result(method: &Method<'_>, of: &Type) -> TokenStream {
    let name = method.name;
    let arguments = method.arguments.iter().map(|(name, _)| name);
    match method.receiver {
        Receiver::Turn => quote!(move |object: &mut #of| { let _ = <#of>::#name(object, #(#arguments),*); }),
        Receiver::Held => {
            quote!(async move |object: &mut #of| { let _ = <#of>::#name(object, #(#arguments),*).await; })
        }
        Receiver::Access => quote! {
            async move |object: ::subjector::Access<'_, #of>| { let _ = <#of>::#name(object, #(#arguments),*).await; }
        },
    }
}

/// Replaces `Self` by the block's type, because in the trait `Self` is the `Subjector`.
fn without_self(of: &Type, block: &Type) -> Type {
    struct Replace<'a>(&'a Type);
    impl VisitMut for Replace<'_> {
        fn visit_type_mut(&mut self, of: &mut Type) {
            match of {
                Type::Path(path) if path.qself.is_none() && path.path.is_ident("Self") => *of = self.0.clone(),
                _ => visit_mut::visit_type_mut(self, of),
            }
        }
    }
    let mut of = of.clone();
    Replace(block).visit_type_mut(&mut of);
    of
}
