//! Layers that refuse the calls that clients make.

use super::*;

runs! {
    outgoing_layer_refuses_calls
}

/// Refuses every call before it is sent.
#[derive(Clone)]
struct Closed<S>(S);

impl<S: Service<OutgoingCall>> Service<OutgoingCall> for Closed<S> {
    type Response = S::Response;
    type Error = CallFailure;
    type Future = Ready<Result<S::Response, CallFailure>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), CallFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: OutgoingCall) -> Self::Future {
        let failure = Failure::new(FailureKind::FailedPrecondition).with_reason("signed out");
        ready(Err(CallFailure::Failed(failure)))
    }
}

async fn outgoing_layer_refuses_calls() {
    let (saw, mut seen) = events();
    let shop = ShopDispatcher::new(Handler(saw.clone()));
    let (client, _) = link(NoDispatcher, LayeredDispatcher::new(shop, &LogLayer(saw)));
    let shop = ShopClient::new(LayeredCaller::new(client, &layer_fn(Closed)));
    let error = shop.price("tea".into()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the system is not in the state that the call needs: signed out"
    );
    seen.expect_nothing();
}
