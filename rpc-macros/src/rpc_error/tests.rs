//! The expansion of an error enum, to be read in review like code.

use expect_test::expect;
use quote::quote;

#[test]
fn an_error_enum_expands_to_both_conversions() {
    let expansion = super::derive(quote! {
        enum UserError {
            #[rpc(code = "user.not_found", status = 404)]
            NotFound { id: i64 },
            #[rpc(status = 503, retryable)]
            Busy(String),
            #[rpc(status = 502)]
            Mail { attempts: u8, #[source] cause: Error },
            Aborted,
            #[rpc(internal)]
            Db(#[from] Error),
        }
    });
    let file = syn::parse_file(&expansion.to_string()).unwrap();
    expect![[r##"
        #[automatically_derived]
        #[allow(deprecated, unreachable_code, clippy::all, clippy::pedantic)]
        impl ::core::convert::From<UserError> for ::rpc_core::__private::RpcError {
            fn from(error: UserError) -> Self {
                let told = &error;
                let message = ::rpc_core::__private::message(told);
                match error {
                    UserError::NotFound { id: ref field_0 } => {
                        ::rpc_core::__private::with_named_details(
                            ::rpc_core::__private::service_error(
                                "user.not_found",
                                404u16,
                                message,
                            ),
                            [("id", ::rpc_core::__private::Detail::to_json(field_0))],
                        )
                    }
                    UserError::Busy { 0: ref field_0 } => {
                        ::rpc_core::__private::with_details(
                                ::rpc_core::__private::service_error("busy", 503u16, message),
                                [::rpc_core::__private::Detail::to_json(field_0)],
                            )
                            .with_retryable(true)
                    }
                    UserError::Mail { attempts: ref field_0, cause: field_1 } => {
                        ::rpc_core::__private::with_source(
                            ::rpc_core::__private::with_named_details(
                                ::rpc_core::__private::service_error("mail", 502u16, message),
                                [("attempts", ::rpc_core::__private::Detail::to_json(field_0))],
                            ),
                            field_1,
                        )
                    }
                    UserError::Aborted {} => {
                        ::rpc_core::__private::service_error("aborted", 409u16, message)
                    }
                    UserError::Db { .. } => {
                        let hidden = error;
                        ::rpc_core::__private::internal(hidden)
                    }
                }
            }
        }
        #[automatically_derived]
        #[allow(deprecated, unreachable_code, clippy::all, clippy::pedantic)]
        impl ::rpc_core::__private::WireError for UserError {
            fn from_rpc_error(
                error: ::rpc_core::__private::RpcError,
            ) -> ::core::result::Result<Self, ::rpc_core::__private::RpcError> {
                ::rpc_core::__private::rebuilt(
                    error,
                    |error| match error.code() {
                        "user.not_found" => {
                            ::core::option::Option::Some(UserError::NotFound {
                                id: ::rpc_core::__private::Detail::named(error, "id")?,
                            })
                        }
                        "busy" => {
                            ::core::option::Option::Some(UserError::Busy {
                                0: ::rpc_core::__private::Detail::at(error, 0usize)?,
                            })
                        }
                        "aborted" => ::core::option::Option::Some(UserError::Aborted {}),
                        _ => ::core::option::Option::None,
                    },
                )
            }
        }
    "##]]
    .assert_eq(&prettyplease::unparse(&file));
}
