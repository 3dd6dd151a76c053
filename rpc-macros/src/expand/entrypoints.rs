//! `Service::entrypoints`: what makes methods run besides calls.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{FnArg, ReturnType};

use super::private;
use super::server::{endpoint, local};
use crate::entrypoint::{Fires, Handler, Hook, Mode};
use crate::model::Service;
use crate::spans::respanned;

/// Expands the function that lists them; nothing where there are none.
pub(super) fn entrypoints(service: &Service) -> TokenStream {
    if service.handlers.is_empty() && service.hooks.is_empty() {
        return TokenStream::new();
    }
    let private = private(&service.library);
    let handlers = service.handlers.iter().map(|it| handler(it, &private));
    let hooks = |wanted: fn(&Fires) -> bool| {
        let hooks = service.hooks.iter().filter(move |hook| wanted(&hook.fires));
        let hooks = hooks.map(|it| hook(it, &private));
        quote!(::core::convert::From::from([#(#hooks),*]))
    };
    let timers = hooks(|fires| matches!(fires, Fires::Every { .. } | Fires::Cron { .. }));
    let on_start = hooks(|fires| matches!(fires, Fires::Start));
    let on_stop = hooks(|fires| matches!(fires, Fires::Stop));
    quote! {
        fn entrypoints() -> #private::Entrypoints<Self> {
            #private::Entrypoints {
                events: ::core::convert::From::from([#(#handlers),*]),
                timers: #timers,
                on_start: #on_start,
                on_stop: #on_stop,
            }
        }
    }
}

fn handler(handler: &Handler, private: &TokenStream) -> TokenStream {
    let cfg = &handler.method.cfg;
    let subject = &handler.subject;
    let mode = match handler.mode {
        Mode::Pool => quote!(Pool),
        Mode::Broadcast => quote!(Broadcast),
        Mode::Singleton => quote!(Singleton),
    };
    let endpoint = endpoint(&handler.method, private);
    quote! {
        #(#cfg)*
        #private::EventHandler {
            subject: #subject,
            mode: #private::EventMode::#mode,
            endpoint: #endpoint,
        }
    }
}

fn hook(hook: &Hook, private: &TokenStream) -> TokenStream {
    let cfg = &hook.cfg;
    let run = run(hook, private);
    let entry = match &hook.fires {
        Fires::Start | Fires::Stop => run,
        Fires::Every { millis, eager } => quote! {
            #private::Timer {
                schedule: #private::Schedule::Every {
                    interval: ::core::time::Duration::from_millis(#millis),
                    eager: #eager,
                },
                hook: #run,
            }
        },
        Fires::Cron { expression, zone } => {
            let zone = match zone {
                Some(zone) => quote!(#zone),
                None => quote!("UTC"),
            };
            // A macro, so that the library can say that it was built without schedules.
            quote! {
                #private::Timer {
                    schedule: #private::cron!(#expression, #zone),
                    hook: #run,
                }
            }
        }
    };
    quote!(#(#cfg)* #entry)
}

/// Expands a method that takes no message: owners first, like the handler of a call.
fn run(hook: &Hook, private: &TokenStream) -> TokenStream {
    let ident = &hook.sig.ident;
    let site = ident.span();
    let name = ident.to_string();
    let name = name.strip_prefix("r#").unwrap_or(&name);
    let output = match &hook.sig.output {
        ReturnType::Default => site,
        ReturnType::Type(_, ty) => ty.span(),
    };
    let [service, context] = ["service", "context"].map(local);
    // No expression of the user's comes after it, so none can see it.
    let result = Ident::new("result", output);
    let inputs = hook.sig.inputs.iter();
    let inputs = inputs
        .filter(|input| matches!(input, FnArg::Typed(_)))
        .map(|_| quote!(&#context));
    let ended = quote_spanned! {output=>
        (&#private::Probe(&#result)).outcome_kind().into_ended(#result)
    };
    let body = quote! {
        use #private::{PlainKind as _, ResultKind as _};
        let _ = &#context;
        let #result = Self::#ident(&#service, #(#inputs),*).await;
        #ended
    };
    let library = respanned(private.clone(), site);
    let future = quote_spanned!(site=> #library::hook(async move { #body }));
    quote! {
        #private::Hook {
            name: #name,
            run: |#service, #context| #future,
        }
    }
}
