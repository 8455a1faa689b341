//! TypeScript interfaces of clients and handlers.

use roam_core::schema::{MethodDescriptor, ServiceDescriptor, Type, TypeIndex, Types};

use crate::declarations::WIDTH;
use crate::docs::comment;
use crate::expressions::Expressions;
use crate::identifiers::{members, parameters, property};
use crate::names::Names;

/// Writes the client interface.
pub(crate) fn client(service: &ServiceDescriptor, names: &Names) -> String {
    let doc = format!("Client for the {} service.", service.name);
    interface(service, &names.client, &doc, |method, name| {
        Signatures::new(service, names, method, name).of_client()
    })
}

/// Writes the handler interface.
pub(crate) fn handler(service: &ServiceDescriptor, names: &Names) -> String {
    let doc = format!("Handler for the {} service.", service.name);
    interface(service, &names.handler, &doc, |method, name| {
        vec![Signatures::new(service, names, method, name).of_handler()]
    })
}

/// Returns the position and the element type of the `Tx` argument if there is exactly one.
/// Clients may omit that argument.
fn only_tx(types: &Types, method: &MethodDescriptor) -> Option<(usize, TypeIndex)> {
    let mut senders = method
        .args
        .iter()
        .enumerate()
        .filter_map(|(position, arg)| match types.get(arg.ty) {
            Type::Tx(element) => Some((position, *element)),
            _ => None,
        });
    let only = senders.next()?;
    senders.next().is_none().then_some(only)
}

fn interface(
    service: &ServiceDescriptor,
    name: &str,
    doc: &str,
    signatures: impl Fn(&MethodDescriptor, &str) -> Vec<String>,
) -> String {
    let method_names = members(service.methods.iter().map(|method| &*method.name));
    let methods = service
        .methods
        .iter()
        .zip(&method_names)
        .flat_map(|(method, name)| {
            let doc = comment(&method.doc, 2);
            let written = signatures(method, name).into_iter();
            written.map(move |signature| format!("{doc}{signature}"))
        });
    let methods: String = methods.collect();
    format!(
        "\n{}export interface {name} {{\n{methods}}}\n",
        comment(doc, 0)
    )
}

/// A writer for the signatures of one method.
struct Signatures<'a> {
    types: &'a Types,
    writer: Expressions<'a>,
    method: &'a MethodDescriptor,
    /// Quoted if necessary.
    name: String,
    parameters: Vec<String>,
}

impl<'a> Signatures<'a> {
    fn new(
        service: &'a ServiceDescriptor,
        names: &'a Names,
        method: &'a MethodDescriptor,
        name: &str,
    ) -> Self {
        Self {
            types: &service.types,
            writer: Expressions::new(service, names),
            method,
            name: property(name),
            parameters: parameters(method.args.iter().map(|arg| &*arg.name)),
        }
    }

    fn of_client(&self) -> Vec<String> {
        let err = self
            .method
            .err
            .map(|err| format!(", {}", self.writer.output(err)));
        let answer = format!("{}{}", self.output_or_void(), err.unwrap_or_default());
        let mut parameters = self.args(|index| self.writer.input(index));
        parameters.push("options?: roam.CallOptions".to_owned());
        let mut signatures = vec![self.signature(&parameters, &format!("roam.Call<{answer}>"))];
        if let Some((position, element)) = only_tx(self.types, self.method) {
            parameters.remove(position);
            let element = self.writer.output(element);
            signatures
                .push(self.signature(&parameters, &format!("roam.Stream<{element}, {answer}>")));
        }
        signatures
    }

    fn of_handler(&self) -> String {
        let mut args = self.args(|index| self.writer.output(index));
        args.push("context: roam.Context".to_owned());
        let answer = match self.types.get(self.method.ok) {
            Type::Unit => "void".to_owned(),
            _ => self.writer.input(self.method.ok),
        };
        self.signature(&args, &format!("roam.Answer<{answer}>"))
    }

    fn output_or_void(&self) -> String {
        match self.types.get(self.method.ok) {
            Type::Unit => "void".to_owned(),
            _ => self.writer.output(self.method.ok),
        }
    }

    fn args(&self, ty: impl Fn(TypeIndex) -> String) -> Vec<String> {
        let args = self.parameters.iter().zip(&self.method.args);
        args.map(|(name, arg)| format!("{name}: {}", ty(arg.ty)))
            .collect()
    }

    /// Writes a signature on one line or, if too long, one line per parameter.
    fn signature(&self, parameters: &[String], returned: &str) -> String {
        let line = format!("  {}({}): {returned};\n", self.name, parameters.join(", "));
        if line.trim_end().len() <= WIDTH {
            return line;
        }
        let lines: Vec<_> = parameters
            .iter()
            .map(|parameter| format!("    {parameter},\n"))
            .collect();
        let parameters = lines.concat();
        format!("  {}(\n{parameters}  ): {returned};\n", self.name)
    }
}
