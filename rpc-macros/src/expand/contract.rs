//! A contract, and what implements it: the trait's hidden members are the service, and an
//! implementation hands them on.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::server;
use crate::model::{Implementation, Service};

/// Expands the members that make a service of whatever implements the trait.
pub(crate) fn hidden(service: &Service) -> TokenStream {
    let private = super::private(&service.library);
    let server::Declared {
        name,
        version,
        doc,
        prefix,
        queue_group,
    } = server::declared(service);
    members(
        service,
        quote! {
            name: #name,
            version: #version,
            doc: #doc,
            prefix: #prefix,
            queue_group: #queue_group,
        },
        server::endpoints(service, &private),
    )
}

/// The same for a trait that has mistakes: enough to keep its implementations from reporting more.
pub(crate) fn stub(service: &Service) -> TokenStream {
    let contract = quote! { name: "", version: "", doc: "", prefix: "", queue_group: "", };
    members(service, contract, quote!(::std::vec::Vec::new()))
}

fn members(service: &Service, contract: TokenStream, endpoints: TokenStream) -> TokenStream {
    let private = super::private(&service.library);
    quote! {
        #private::server! {
            #[doc(hidden)]
            #[allow(deprecated, clippy::all, clippy::pedantic)]
            const __RPC_CONTRACT: #private::Contract<Self> = #private::Contract {
                #contract
                endpoints: || #endpoints,
            };
        }
    }
}

/// Expands the service that an implementation of a contract is.
///
/// What the trait lacks if it is no contract is spanned by its name.
pub(crate) fn implementation(implementation: &Implementation) -> TokenStream {
    let private = super::private(&implementation.library);
    let (contract, self_ty) = (&implementation.contract, &implementation.self_ty);
    let (generics, _, where_clause) = implementation.generics.split_for_impl();
    let declared = quote_spanned!(contract.span()=> <Self as #contract>::__RPC_CONTRACT);
    let version = match &implementation.version {
        Some(version) => quote!(#version),
        None => quote!(#declared.version),
    };
    quote! {
        #private::server! {
            #[automatically_derived]
            impl #generics #private::Service for #self_ty #where_clause {
                const NAME: &'static str = #declared.name;
                const VERSION: &'static str = #version;
                const DOC: &'static str = #declared.doc;
                const PREFIX: &'static str = #declared.prefix;
                const QUEUE_GROUP: &'static str = #declared.queue_group;

                fn endpoints() -> ::std::vec::Vec<#private::Endpoint<Self>> {
                    (#declared.endpoints)()
                }
            }
        }
    }
}
