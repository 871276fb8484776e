/** A value that is kept outside React, so that only what shows it is drawn again when it changes. */
export interface Store<T> {
  get: () => T;
  set: (value: T) => void;
  /** Returns how to unsubscribe. */
  subscribe: (listener: () => void) => () => void;
}

/** A store that holds `value` at first. */
export function createStore<T>(value: T): Store<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      listeners.forEach((listener) => listener());
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
