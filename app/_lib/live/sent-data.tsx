"use client";
import {
  hydrate,
  useQueryClient,
  type DehydratedState,
  type QueryClient,
} from "@tanstack/react-query";
import { useLayoutEffect, type ReactNode } from "react";
import { transformer } from "@/contracts/api/transformer";
import { useIsOutdated } from "./live";

/** As `transformer.serialize` writes it. */
type Sent = Parameters<typeof transformer.deserialize>[0];
const OPTIONS = {
  defaultOptions: { deserializeData: (sent: Sent) => transformer.deserialize(sent) },
};

interface SentDataProps {
  /** What the server has read for the page; null where the page came without. */
  state: DehydratedState | null;
  children: ReactNode;
}

/** What was put in its place: going back to a page shows the same again, which is old by then. */
const placed = new WeakSet<DehydratedState>();

/**
 * Puts data that the browser has not got where queries find it. It is not newer than now by the browser's clock, as what
 * the browser reads next must count as newer.
 *
 * @returns what was put there
 */
function placeOnce(client: QueryClient, state: DehydratedState | null): DehydratedState["queries"] {
  if (state === null || placed.has(state)) return [];
  placed.add(state);
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
 * Puts what came with the page where its queries find it: after the page was first drawn, as the server has drawn it
 * without, since times and numbers are written as the browser's place and language have them; but before any query asks
 * the server, which happens in effects. What an event has changed meanwhile is read again.
 */
export function SentData({ state, children }: SentDataProps) {
  const client = useQueryClient();
  const isOutdated = useIsOutdated();
  useLayoutEffect(() => {
    for (const { queryKey } of placeOnce(client, state))
      if (isOutdated(queryKey)) void client.invalidateQueries({ queryKey, exact: true });
  }, [client, state, isOutdated]);
  return children;
}
