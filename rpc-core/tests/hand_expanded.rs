//! What `#[rpc]` writes for a service, written by hand.
#![allow(missing_docs)]
use rpc_core as core_crate;

pub struct GreetingService;

impl GreetingService {
    async fn hello(&self, first_name: &str, last_name: &str) -> String {
        format!("Hello, {first_name} {last_name}").trim().to_owned()
    }
    async fn sum(&self, rest: Vec<i64>, base: Option<i64>) -> Result<i64, core_crate::RpcError> {
        Ok(rest.iter().sum::<i64>() + base.unwrap_or(0))
    }
    async fn nothing(&self) {}
}

impl core_crate::Service for GreetingService {
    const NAME: &'static str = "greeting_service";
    const VERSION: &'static str = "1.0.0";
    const DOC: &'static str = "";
    const PREFIX: &'static str = "";
    const QUEUE_GROUP: &'static str = "q";

    fn endpoints() -> ::std::vec::Vec<core_crate::Endpoint<Self>> {
        ::std::vec![
            core_crate::Endpoint {
                spec: core_crate::EndpointSpec {
                    name: "hello",
                    doc: "",
                    parameters: {
                        const P: &[core_crate::__private::Parameter] = &[
                            core_crate::__private::Parameter {
                                name: "first_name",
                                kind: core_crate::__private::ParameterKind::Plain,
                            },
                            core_crate::__private::Parameter {
                                name: "last_name",
                                kind: core_crate::__private::ParameterKind::Plain,
                            },
                        ];
                        P
                    },
                    options: core_crate::Options::DEFAULT,
                },
                handler: |service, context, payload| ::std::boxed::Box::pin(async move {
                    use core_crate::__private::{
                        PlainKind as _, ReplyKind as _, ResultKind as _, UnitKind as _,
                        ValueKind as _,
                    };
                    let (first_name, (last_name, ())) = core_crate::__private::decode::<(
                        core_crate::__private::One<core_crate::__private::Text<'_>>,
                        (
                            core_crate::__private::One<core_crate::__private::Text<'_>>,
                            (),
                        ),
                    )>(
                        &context,
                        &payload,
                        &[
                            core_crate::__private::Parameter {
                                name: "first_name",
                                kind: core_crate::__private::ParameterKind::Plain,
                            },
                            core_crate::__private::Parameter {
                                name: "last_name",
                                kind: core_crate::__private::ParameterKind::Plain,
                            },
                        ],
                    )?;
                    let first_name = first_name.required("first_name")?;
                    let last_name = last_name.or_else(|| core_crate::__private::Text("".into()));
                    let result = GreetingService::hello(&service, &first_name, &last_name).await;
                    let value = (&core_crate::__private::Probe(&result))
                        .outcome_kind()
                        .into_result(result)?;
                    (&core_crate::__private::Probe(&value))
                        .value_kind()
                        .into_reply(&context, value)
                }),
            },
            core_crate::Endpoint {
                spec: core_crate::EndpointSpec {
                    name: "sum",
                    doc: "",
                    parameters: &[],
                    options: core_crate::Options::DEFAULT
                },
                handler: |service, context, payload| ::std::boxed::Box::pin(async move {
                    use core_crate::__private::{
                        PlainKind as _, ReplyKind as _, ResultKind as _, UnitKind as _,
                        ValueKind as _,
                    };
                    let (rest, (base, ())) = core_crate::__private::decode::<(
                        core_crate::__private::Args<Vec<i64>>,
                        (core_crate::__private::One<Option<i64>>, ()),
                    )>(
                        &context,
                        &payload,
                        &[
                            core_crate::__private::Parameter {
                                name: "rest",
                                kind: core_crate::__private::ParameterKind::Args,
                            },
                            core_crate::__private::Parameter {
                                name: "base",
                                kind: core_crate::__private::ParameterKind::Keyword,
                            },
                        ],
                    )?;
                    let result =
                        GreetingService::sum(&service, rest.0, base.required("base")?).await;
                    let value = (&core_crate::__private::Probe(&result))
                        .outcome_kind()
                        .into_result(result)?;
                    (&core_crate::__private::Probe(&value))
                        .value_kind()
                        .into_reply(&context, value)
                }),
            },
            core_crate::Endpoint {
                spec: core_crate::EndpointSpec {
                    name: "nothing",
                    doc: "",
                    parameters: &[],
                    options: core_crate::Options::DEFAULT
                },
                handler: |service, context, payload| ::std::boxed::Box::pin(async move {
                    use core_crate::__private::{
                        PlainKind as _, ReplyKind as _, ResultKind as _, UnitKind as _,
                        ValueKind as _,
                    };
                    let () = core_crate::__private::decode::<()>(&context, &payload, &[])?;
                    let result = GreetingService::nothing(&service).await;
                    let value = (&core_crate::__private::Probe(&result))
                        .outcome_kind()
                        .into_result(result)?;
                    (&core_crate::__private::Probe(&value))
                        .value_kind()
                        .into_reply(&context, value)
                }),
            },
        ]
    }
}

#[tokio::test]
async fn table() {
    let service = std::sync::Arc::new(GreetingService);
    for (method, payload) in [
        ("hello", r#"[["Bob"]]"#),
        ("hello", r#"[["Bob"], {"last_name": "Ross"}]"#),
        ("hello", r#"{"first_name": "B\u00e9\n"}"#),
        ("hello", ""),
        ("hello", "null"),
        ("hello", "[]"),
        ("hello", r#"["Bob"]"#),
        ("hello", r#""Bob""#),
        ("hello", r#"[["Bob"], {}, 3]"#),
        ("hello", r#"[["Bob"], {"first_name": "x"}]"#),
        ("hello", r#"[["Bob"], {"lastname": "x"}]"#),
        ("hello", r#"[["Bob", "a", "b", "c"]]"#),
        ("hello", r#"[[5]]"#),
        ("hello", r#"[["Bob"]"#),
        ("hello", "{\"a\": 1"),
        ("hello", r#"[["a"], {"last_name": "b", "last_name": "c"}]"#),
        ("sum", "[[1,2,3], {\"base\": 4}]"),
        ("sum", "[[1,2,\"x\"]]"),
        ("sum", "[[], {\"base\": null}]"),
        ("nothing", "[]"),
        ("nothing", "[[1]]"),
        ("nothing", "{\"a\": 1}"),
        ("nope", ""),
    ] {
        let reply = rpc_core::testing::call_raw(&service, method, payload).await;
        match reply {
            Ok(r) => println!(
                "{method} {payload} -> {}",
                String::from_utf8_lossy(&r.payload)
            ),
            Err(e) => println!("{method} {payload} -> {} {e}", e.status()),
        }
    }
}
