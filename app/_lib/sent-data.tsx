"use client";
import { hydrate, useQueryClient, type DehydratedState } from "@tanstack/react-query";
import { useLayoutEffect, type ReactNode } from "react";
import { transformer } from "@/contracts/api/transformer";
import { useIsOutdated } from "./live";

/** As `transformer.serialize` writes it. */
type Sent = Parameters<typeof transformer.deserialize>[0];
const OPTIONS = {
  defaultOptions: { deserializeData: (sent: Sent) => transformer.deserialize(sent) },
};

interface SentDataProps {
  /** What the server has read for the page. */
  state: DehydratedState;
  children: ReactNode;
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
    hydrate(client, state, OPTIONS);
    for (const { queryKey } of state.queries)
      if (isOutdated(queryKey)) void client.invalidateQueries({ queryKey, exact: true });
  }, [client, state, isOutdated]);
  return children;
}
