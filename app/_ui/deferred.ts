import { startTransition, useEffect, useState } from "react";

/** A module that is loaded when it is needed first, and then there at once. */
interface Deferred<M> {
  /** Begins to load it: before it is needed, so that nobody waits for it. */
  load(): Promise<M>;
  /** The module once it is there, null before; `wanted` loads it. @throws what went wrong with loading it */
  useModule(wanted: boolean): M | null;
  /** As useModule, for what can be done without: null while it cannot be loaded, tried again when it is wanted anew. */
  useOptionalModule(wanted: boolean): M | null;
}

/**
 * Puts off a module that no page needs to be shown: what menus and dialogs are made of. Unlike a lazy component, it can
 * be loaded ahead of its first use, and is then drawn with what opens it.
 */
export function defer<M>(load: () => Promise<M>): Deferred<M> {
  let module: M | null = null;
  let loading: Promise<M> | null = null;
  const start = (): Promise<M> => {
    loading ??= load().then(
      (loaded) => (module = loaded),
      (error: unknown) => {
        // The next one who needs it tries again.
        loading = null;
        throw error;
      },
    );
    return loading;
  };
  const useLoading = (wanted: boolean): { error: unknown } | null => {
    const [, setLoaded] = useState(false);
    const [failure, setFailure] = useState<{ error: unknown } | null>(null);
    const isMissing = wanted && module === null;
    useEffect(() => {
      if (!isMissing) return;
      start().then(
        () => startTransition(() => setLoaded(true)),
        (error: unknown) => setFailure({ error }),
      );
    }, [isMissing]);
    return failure;
  };
  return {
    load: start,
    useModule(wanted) {
      const failure = useLoading(wanted);
      if (failure) throw failure.error;
      return module;
    },
    useOptionalModule(wanted) {
      useLoading(wanted);
      return module;
    },
  };
}
