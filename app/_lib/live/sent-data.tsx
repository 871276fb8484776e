"use client";
import {
  hydrate,
  IsRestoringProvider,
  useQueryClient,
  type DehydratedState,
  type QueryClient,
} from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { transformer } from "@/contracts/api/transformer";
import { useIsOutdated } from "./live";

/** As `transformer.serialize` writes it. */
type Sent = Parameters<typeof transformer.deserialize>[0];
const OPTIONS = {
  defaultOptions: { deserializeData: (sent: Sent) => transformer.deserialize(sent) },
};

interface SentDataProps {
  /** What the server reads for the page, once it has; null where the page comes without. */
  state: Promise<DehydratedState> | null;
  children: ReactNode;
}

/** What was put in its place: going back to a page shows the same again, which is old by then. */
const placed = new WeakSet<Promise<DehydratedState>>();

/**
 * Puts data that the browser has not got where queries find it. It is not newer than now by the browser's clock, as what
 * the browser reads next must count as newer.
 *
 * @returns what was put there
 */
function place(client: QueryClient, state: DehydratedState): DehydratedState["queries"] {
  const now = Date.now();
  const queries = state.queries
    .filter(({ queryKey }) => client.getQueryData(queryKey) === undefined)
    .map((query) => ({
      ...query,
      state: { ...query.state, dataUpdatedAt: Math.min(query.state.dataUpdatedAt, now) },
    }));
  hydrate(client, { ...state, queries }, OPTIONS);
  return queries;
}

/**
 * Puts what comes with the page where its queries find it, which ask the server only after that. The page is first drawn
 * as the server has drawn it, without data, since times and numbers are written as the browser's place and language have
 * them. What an event has changed meanwhile is read again.
 */
export function SentData({ state, children }: SentDataProps) {
  const client = useQueryClient();
  const isOutdated = useIsOutdated();
  const [arrived, setArrived] = useState<typeof state>(null);
  const isAwaited = state !== null && state !== arrived && !placed.has(state);
  useEffect(() => {
    if (!isAwaited) return;
    const finish = (sent: DehydratedState | null): void => {
      if (sent !== null && !placed.has(state)) {
        placed.add(state);
        for (const { queryKey } of place(client, sent))
          if (isOutdated(queryKey)) void client.invalidateQueries({ queryKey, exact: true });
      }
      setArrived(state);
    };
    // An answer that was cut off brings nothing: the page asks itself.
    state.then(finish, () => finish(null));
  }, [client, state, isAwaited, isOutdated]);
  return <IsRestoringProvider value={isAwaited}>{children}</IsRestoringProvider>;
}
