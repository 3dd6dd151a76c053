//! The expansion of the greeting service, to be read in review like code.

use expect_test::expect;
use quote::quote;
use syn::{File, Item};

/// Returns the items inside of `server! { … }`, which hides them only from builds without the server.
fn unwrapped(item: Item) -> Vec<Item> {
    match item {
        Item::Macro(it) if it.mac.path.segments.last().unwrap().ident == "server" => {
            syn::parse2::<File>(it.mac.tokens).unwrap().items
        }
        item => vec![item],
    }
}

#[test]
fn the_greeting_service_expands_to_little_code() {
    let argument = quote!(name = "greeting_service", version = "1.0.0");
    let expansion = super::rpc(
        argument,
        quote! {
            /// Greets people.
            impl GreetingService {
                /// Says hello.
                #[rpc(timeout = "15s")]
                async fn hello(&self, first_name: &str, #[rpc(default)] last_name: &str) -> String {
                    the body is not read
                }
            }
        },
    );
    // The body is the user's own, and no concern of this test.
    let expansion = expansion
        .to_string()
        .replace("{ the body is not read }", "{}");
    let mut file = syn::parse_file(&expansion).unwrap();
    file.items = file.items.into_iter().flat_map(unwrapped).collect();
    expect![[r#"
        /// Greets people.
        impl GreetingService {
            /// Says hello.
            #[allow(clippy::unused_async)]
            async fn hello(&self, first_name: &str, last_name: &str) -> String {}
        }
        #[automatically_derived]
        #[allow(deprecated, clippy::all, clippy::pedantic)]
        impl ::rpc_core::__private::Service for GreetingService {
            const NAME: &'static str = "greeting_service";
            const VERSION: &'static str = "1.0.0";
            const DOC: &'static str = "Greets people.";
            const PREFIX: &'static str = "";
            const QUEUE_GROUP: &'static str = "q";
            fn endpoints() -> ::std::vec::Vec<::rpc_core::__private::Endpoint<Self>> {
                ::core::convert::From::from([
                    {
                        const __PARAMETERS: &[::rpc_core::__private::Parameter] = &[
                            ::rpc_core::__private::Parameter {
                                name: "first_name",
                                kind: ::rpc_core::__private::ParameterKind::Plain,
                                sensitive: false,
                            },
                            ::rpc_core::__private::Parameter {
                                name: "last_name",
                                kind: ::rpc_core::__private::ParameterKind::Plain,
                                sensitive: false,
                            },
                        ];
                        ::rpc_core::__private::Endpoint {
                            spec: ::rpc_core::__private::EndpointSpec {
                                name: "hello",
                                doc: "Says hello.",
                                parameters: __PARAMETERS,
                                signature: || {
                                    use ::rpc_core::__private::{
                                        DescribeAny as _, DescribeResult as _, DescribeType as _,
                                        DescribeValueOfResult as _,
                                    };
                                    ::rpc_core::__private::Signature {
                                        parameters: ::core::convert::From::from([
                                            ::rpc_core::__private::ParameterSchema {
                                                describe: (&&&&::rpc_core::__private::SchemaProbe::<
                                                    ::rpc_core::__private::Text<'_>,
                                                >::NEW)
                                                    .describe(),
                                                required: ::rpc_core::__private::is_required::<
                                                    ::rpc_core::__private::Text<'_>,
                                                >(),
                                                default: ::core::option::Option::None,
                                            },
                                            ::rpc_core::__private::ParameterSchema {
                                                describe: (&&&&::rpc_core::__private::SchemaProbe::<
                                                    ::rpc_core::__private::Text<'_>,
                                                >::NEW)
                                                    .describe(),
                                                required: false,
                                                default: ::core::option::Option::None,
                                            },
                                        ]),
                                        result: (&&&&::rpc_core::__private::SchemaProbe::<
                                            String,
                                        >::NEW)
                                            .describe(),
                                    }
                                },
                                options: ::rpc_core::__private::Options {
                                    timeout: ::core::time::Duration::from_millis(15000u64),
                                    ..::rpc_core::__private::Options::DEFAULT
                                },
                            },
                            handler: |service, context, payload| ::rpc_core::__private::spawnable(async move {
                                use ::rpc_core::__private::{
                                    PlainKind as _, ReplyKind as _, ResultKind as _,
                                    UnitKind as _, ValueKind as _,
                                };
                                let (arg_first_name, (arg_last_name, ())) = ::rpc_core::__private::decode(
                                    &context,
                                    &payload,
                                    __PARAMETERS,
                                    (
                                        ::rpc_core::__private::one::<
                                            ::rpc_core::__private::Text<'_>,
                                        >(),
                                        (
                                            ::rpc_core::__private::maybe::<
                                                ::rpc_core::__private::Text<'_>,
                                            >(),
                                            (),
                                        ),
                                    ),
                                )?;
                                let arg_first_name = arg_first_name.required("first_name")?;
                                let arg_last_name = arg_last_name
                                    .or_else(|| ::core::default::Default::default());
                                let result = Self::hello(
                                        &service,
                                        &arg_first_name,
                                        &arg_last_name,
                                    )
                                    .await;
                                let value = (&::rpc_core::__private::Probe(&result))
                                    .outcome_kind()
                                    .into_result(result)?;
                                (&::rpc_core::__private::Probe(&value))
                                    .value_kind()
                                    .into_reply(&context, value)
                            }),
                        }
                    },
                ])
            }
        }
        ::rpc_core::__private::client!(
            #[doc = "Calls the methods of `greeting_service`."] #[doc = ""] #[doc =
            "Greets people."] GreetingServiceClient, GreetingServiceCall,
            "A call of [`GreetingServiceClient`] that is being put together; awaiting it sends it."
        );
        #[allow(
            dead_code,
            deprecated,
            elided_lifetimes_in_paths,
            missing_docs,
            non_camel_case_types,
            private_bounds,
            private_interfaces,
            trivial_bounds,
            unreachable_pub,
            clippy::all,
            clippy::pedantic,
        )]
        impl GreetingServiceClient {
            ///Says hello.
            pub fn hello(
                &self,
                first_name: impl ::core::convert::AsRef<::core::primitive::str>,
            ) -> GreetingServiceCall<
                '_,
                0usize,
                ::rpc_core::__private::Returns<String, false>,
                ::rpc_core::__private::Plain,
            > {
                GreetingServiceCall(
                    ::rpc_core::__private::TypedCall::new(
                        ::rpc_core::__private::begin(&self.0, "greeting_service.hello")
                            .arg(::rpc_core::__private::text(&first_name)),
                    ),
                )
            }
        }
        #[allow(
            dead_code,
            deprecated,
            elided_lifetimes_in_paths,
            missing_docs,
            non_camel_case_types,
            private_bounds,
            private_interfaces,
            trivial_bounds,
            unreachable_pub,
            clippy::all,
            clippy::pedantic,
        )]
        impl<
            '__call,
            __Returns,
            __Kind,
        > GreetingServiceCall<'__call, 0usize, __Returns, __Kind> {
            ///Sets the argument `last_name`.
            pub fn last_name(
                self,
                last_name: impl ::core::convert::AsRef<::core::primitive::str>,
            ) -> Self {
                Self(
                    self
                        .0
                        .map(|call| {
                            call.kwarg("last_name", ::rpc_core::__private::text(&last_name))
                        }),
                )
            }
        }
    "#]]
    .assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn a_contract_expands_to_a_trait_whose_futures_are_send() {
    let expansion = super::rpc(
        quote!(),
        quote! {
            pub trait Greeting {
                #[rpc]
                async fn hello(&self, name: &str);
                #[rpc]
                async fn goodbye(&self) -> u8 {
                    1
                }
                fn plain(&self);
            }
        },
    );
    let mut file = syn::parse_file(&expansion.to_string()).unwrap();
    file.items.truncate(1);
    // What it hides is what the service above has.
    if let Item::Trait(item) = &mut file.items[0] {
        item.items.pop();
    }
    expect![[r#"
        pub trait Greeting: ::core::marker::Sized + ::core::marker::Send + ::core::marker::Sync + 'static {
            #[allow(clippy::unused_async)]
            fn hello(
                &self,
                name: &str,
            ) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
            #[allow(clippy::unused_async)]
            fn goodbye(
                &self,
            ) -> impl ::core::future::Future<Output = u8> + ::core::marker::Send {
                async move { 1 }
            }
            fn plain(&self);
        }
    "#]].assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn an_implementation_hands_its_contract_on() {
    let expansion = super::rpc(
        quote!(version = "2.0.0"),
        quote!(
            impl<T: Send> contract::Greeting for Greeter<T> {}
        ),
    );
    let mut file = syn::parse_file(&expansion.to_string()).unwrap();
    file.items = file.items.into_iter().flat_map(unwrapped).collect();
    expect![[r#"
        impl<T: Send> contract::Greeting for Greeter<T> {}
        #[automatically_derived]
        impl<T: Send> ::rpc_core::__private::Service for Greeter<T> {
            const NAME: &'static str = <Self as contract::Greeting>::__RPC_CONTRACT.name;
            const VERSION: &'static str = "2.0.0";
            const DOC: &'static str = <Self as contract::Greeting>::__RPC_CONTRACT.doc;
            const PREFIX: &'static str = <Self as contract::Greeting>::__RPC_CONTRACT.prefix;
            const QUEUE_GROUP: &'static str = <Self as contract::Greeting>::__RPC_CONTRACT
                .queue_group;
            fn endpoints() -> ::std::vec::Vec<::rpc_core::__private::Endpoint<Self>> {
                (<Self as contract::Greeting>::__RPC_CONTRACT.endpoints)()
            }
        }
    "#]]
    .assert_eq(&prettyplease::unparse(&file));
}
