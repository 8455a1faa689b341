//! Values of any type that users attach to a link, a connection or a call.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Values that users attach to a link, a virtual connection or a call: at most one of each type.
///
/// An empty one holds no memory of its own.
///
/// ```
/// use roam_core::Extensions;
///
/// #[derive(Debug, PartialEq)]
/// struct Tenant(String);
///
/// let extensions = Extensions::default();
/// extensions.insert(Tenant("acme".to_owned()));
/// assert_eq!(extensions.get::<Tenant>().unwrap().0, "acme");
/// assert!(extensions.get::<u32>().is_none());
/// ```
#[derive(Default)]
pub struct Extensions {
    /// Few, so a list is faster than a map.
    values: RwLock<Vec<(TypeId, Value)>>,
}

type Value = Arc<dyn Any + Send + Sync>;

impl Extensions {
    /// Attaches a value. Returns the value of the same type that it replaces.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        let value: Value = Arc::new(value);
        let mut values = self.write();
        let id = TypeId::of::<T>();
        if let Some(found) = values.iter_mut().find(|it| it.0 == id) {
            let replaced = std::mem::replace(&mut found.1, value);
            return downcast(replaced);
        }
        values.push((id, value));
        None
    }

    /// Returns the value of this type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let id = TypeId::of::<T>();
        let values = self.read();
        let found = values.iter().find(|it| it.0 == id)?;
        downcast(Arc::clone(&found.1))
    }

    /// Takes the value of this type away.
    pub fn remove<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let id = TypeId::of::<T>();
        let removed = {
            let mut values = self.write();
            let position = values.iter().position(|it| it.0 == id)?;
            values.swap_remove(position)
        };
        downcast(removed.1)
    }

    // No user code runs under the lock, so nothing panics there.
    fn read(&self) -> RwLockReadGuard<'_, Vec<(TypeId, Value)>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<(TypeId, Value)>> {
        self.values.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn downcast<T: Send + Sync + 'static>(value: Value) -> Option<Arc<T>> {
    value.downcast().ok()
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions")
            .field("len", &self.read().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Extensions;

    #[test]
    fn holds_one_value_of_each_type() {
        let extensions = Extensions::default();
        assert!(extensions.insert(1_u32).is_none());
        assert!(extensions.insert("one").is_none());
        assert_eq!(extensions.insert(2_u32).as_deref(), Some(&1));
        assert_eq!(extensions.get::<u32>().as_deref(), Some(&2));
        assert_eq!(extensions.remove::<u32>().as_deref(), Some(&2));
        assert!(extensions.get::<u32>().is_none());
        assert_eq!(extensions.get::<&str>().as_deref(), Some(&"one"));
    }
}
