//! Which path leads to which method: the routes of all services, made anew when they change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use rpc_core::{HttpRoute, Method as RpcMethod, Segment, Snapshot};
use serde::Serialize;
use serde_json::Value;
use tracing::warn;

use super::arguments::Parameters;
use crate::config::Config;
use crate::edge::Edge;

/// How many conflicts are kept for `/routes`; all are counted.
const MOST_CONFLICTS: usize = 100;

/// The table of the current catalog.
#[derive(Debug)]
pub(crate) struct Routes {
    table: ArcSwap<Table>,
    building: Mutex<()>,
}

/// The routes of one generation of the catalog.
#[derive(Debug, Default)]
pub(crate) struct Table {
    generation: Option<u64>,
    router: matchit::Router<usize>,
    places: Vec<Place>,
    by_query: HashMap<String, Arc<Parameters>>,
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) conflict_count: usize,
}

/// One path, with a route for each verb that it has.
#[derive(Debug)]
pub(crate) struct Place {
    /// As the first service to claim it writes it.
    pub(super) template: Arc<str>,
    pub(super) allow: HeaderValue,
    routes: Vec<(Method, Arc<Route>)>,
}

/// One verb of one path.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Arc<RpcMethod>,
    pub(crate) status: Option<StatusCode>,
    /// What each parameter of the path is called, in order.
    pub(crate) names: Vec<String>,
    pub(super) parameters: Arc<Parameters>,
    /// The parameter that the whole body is, and what a form may hold for it.
    pub(crate) body: Option<(String, Parameters)>,
}

/// A route that a service claims and does not get.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Conflict {
    method: String,
    path: String,
    claimed_by: String,
    /// Who has it, or what is wrong with it.
    reason: String,
}

impl Routes {
    /// Creates a table without routes.
    pub(crate) fn new() -> Self {
        Self {
            table: ArcSwap::default(),
            building: Mutex::new(()),
        }
    }

    /// Returns the routes of what the catalog knows now.
    pub(crate) fn current(&self, edge: &Edge) -> Arc<Table> {
        let catalog = &edge.catalog;
        let table = self.table.load_full();
        if table.generation == Some(catalog.generation()) {
            return table;
        }
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let (table, snapshot) = (self.table.load_full(), catalog.snapshot());
        if table.generation == Some(snapshot.generation()) {
            return table;
        }
        let table = Arc::new(Table::of(&snapshot, &edge.config));
        self.table.store(table.clone());
        table
    }
}

impl Table {
    fn of(snapshot: &Snapshot, config: &Config) -> Self {
        let mut table = Self {
            generation: Some(snapshot.generation()),
            ..Self::default()
        };
        let mut shapes = HashMap::new();
        for service in snapshot.services() {
            for method in service.methods.iter().filter(|it| config.offers(it)) {
                if !method.safe && method.routes.is_empty() {
                    continue;
                }
                let schema = method.schema();
                let parameters = schema.as_ref().map(|schema| &schema["params"]);
                let definitions = parameters.and_then(|schema| schema.get("$defs"));
                let parameters = Arc::new(Parameters::of(parameters, definitions));
                for route in &method.routes {
                    table.add(&mut shapes, method, route, &parameters, schema.as_ref());
                }
                if method.safe {
                    table.by_query.insert(method.subject.clone(), parameters);
                }
            }
        }
        table
    }

    fn add(
        &mut self,
        shapes: &mut HashMap<String, usize>,
        method: &Arc<RpcMethod>,
        route: &HttpRoute,
        parameters: &Arc<Parameters>,
        schema: Option<&Value>,
    ) {
        let conflict = |reason: String| Conflict {
            method: route.method.to_string(),
            path: route.path.to_string(),
            claimed_by: method.subject.clone(),
            reason,
        };
        let (Ok(segments), Ok(verb)) = (route.segments(), route.method.parse::<Method>()) else {
            return self.refuse(conflict("it is not a route".to_owned()));
        };
        // Parameters without their names: two services may call one place differently.
        let shape: String = segments
            .iter()
            .enumerate()
            .map(|(index, segment)| match segment {
                Segment::Literal(text) => format!("/{text}"),
                Segment::Parameter(_) => format!("/{{p{index}}}"),
            })
            .collect();
        let index = match shapes.get(&shape) {
            Some(index) => *index,
            None => {
                if let Err(error) = self.router.insert(shape.clone(), self.places.len()) {
                    return self.refuse(conflict(error.to_string()));
                }
                shapes.insert(shape, self.places.len());
                self.places.push(Place::new(&route.path));
                self.places.len() - 1
            }
        };
        let place = &mut self.places[index];
        if let Some(owner) = place.route(&verb) {
            let reason = format!("`{}` has it", owner.method.subject);
            return self.refuse(conflict(reason));
        }
        let names = segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some((*name).to_owned()),
            Segment::Literal(_) => None,
        });
        let body = route.body.as_deref().map(|name| {
            let parameters = schema.map(|schema| &schema["params"]);
            let definitions = parameters.and_then(|schema| schema.get("$defs"));
            let schema = parameters.map(|schema| &schema["properties"][name]);
            (name.to_owned(), Parameters::of(schema, definitions))
        });
        let route = Route {
            method: method.clone(),
            status: route.status.and_then(|it| StatusCode::from_u16(it).ok()),
            names: names.collect(),
            parameters: parameters.clone(),
            body,
        };
        place.routes.push((verb, Arc::new(route)));
        place.derive();
    }

    fn refuse(&mut self, conflict: Conflict) {
        warn!(
            method = conflict.method,
            path = conflict.path,
            claimed_by = conflict.claimed_by,
            "a route is left out: {}",
            conflict.reason
        );
        self.conflict_count += 1;
        if self.conflicts.len() < MOST_CONFLICTS {
            self.conflicts.push(conflict);
        }
    }

    /// Returns the place that a path means, and the values of its parameters, undecoded.
    pub(super) fn find<'p>(&self, path: &'p str) -> Option<(&Place, Vec<&'p str>)> {
        let found = self.router.at(path).ok()?;
        let values = found.params.iter().map(|(_, value)| value).collect();
        Some((&self.places[*found.value], values))
    }

    /// Returns what the query of a `safe` method's `GET` may hold.
    pub(crate) fn by_query(&self, subject: &str) -> Option<&Arc<Parameters>> {
        self.by_query.get(subject)
    }

    /// Returns every route, in order of their claims: path, verb, route.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Method, &Route)> {
        self.places.iter().flat_map(|place| {
            let routes = place.routes.iter();
            routes.map(|(verb, route)| (&*place.template, verb, &**route))
        })
    }
}

impl Place {
    fn new(template: &str) -> Self {
        Self {
            template: template.into(),
            allow: HeaderValue::from_static("OPTIONS"),
            routes: Vec::new(),
        }
    }

    /// Returns the route of a verb; `HEAD` is answered as `GET` is.
    pub(super) fn route(&self, verb: &Method) -> Option<&Arc<Route>> {
        let verb = match *verb {
            Method::HEAD => &Method::GET,
            _ => verb,
        };
        let mut routes = self.routes.iter();
        routes.find(|(own, _)| own == verb).map(|(_, route)| route)
    }

    fn derive(&mut self) {
        let mut verbs: Vec<&str> = self.routes.iter().map(|(verb, _)| verb.as_str()).collect();
        if verbs.contains(&"GET") {
            verbs.push("HEAD");
        }
        verbs.push("OPTIONS");
        verbs.sort_unstable();
        self.allow = verbs.join(", ").parse().expect("verbs are words");
    }
}
