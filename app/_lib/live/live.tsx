"use client";
import { useQueryClient, type Query, type QueryKey } from "@tanstack/react-query";
import { useSubscription } from "@trpc/tanstack-react-query";
import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  type ReactNode,
} from "react";
import { useTRPC } from "./trpc";
import { useEventNotifier } from "./browser-notifications";
import { EVERY_TOPIC, listQueriesToRefresh, type LiveEvent, type QueryTopic } from "./live-topics";
import { RefreshPace } from "./refresh-pace";

export type Connection = "connecting" | "live" | "reconnecting";

const ConnectionContext = createContext<Connection>("connecting");
/** State of the page's live connection. */
export const useConnection = (): Connection => useContext(ConnectionContext);

/** So many kinds of changes are told apart for data that still comes with the page; where there are more, all of it is old. */
const MOST_ARRIVED = 500;

const IsOutdatedContext = createContext<(key: QueryKey) => boolean>(() => false);
/**
 * Says whether an event has come that touches what a query shows. Data that was read for the page may be older than
 * that, and come to the browser after it: no query was there yet that the event could refresh.
 */
export const useIsOutdated = (): ((key: QueryKey) => boolean) => useContext(IsOutdatedContext);

/** Whether a query, by its key, shows something of a topic. */
function isShownBy({ procedures, runId }: QueryTopic, key: readonly unknown[]): boolean {
  const path = Array.isArray(key[0]) ? key[0].join(".") : "";
  if (!procedures.some((p) => path === p || path.startsWith(`${p}.`))) return false;
  if (runId === null) return true;
  const input: unknown = (key[1] as { input?: unknown } | undefined)?.input;
  if (typeof input !== "object" || input === null) return true;
  if ("runIds" in input && Array.isArray(input.runIds)) return input.runIds.includes(runId);
  const of =
    "runId" in input ? input.runId : "id" in input && path.startsWith("runs.") ? input.id : runId;
  return of === runId;
}

interface LiveProviderProps {
  /** The event after which the page was made: what the page has read is at least as new. Null: not known. */
  position: string | null;
  children: ReactNode;
}

/**
 * The page's one subscription. An event only says what changed; the queries that show it are then read again, at the pace of refresh-pace.ts. It begins after the event at which the page was made. The client resumes after the last event id by itself; after a gap, or where it does not know its position, the server sends `sync` and everything is read again.
 */
export function LiveProvider({ position, children }: LiveProviderProps) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const pending = useRef(new Map<string, QueryTopic>());
  /** Of all events since the page was made, by what they touch. */
  const arrived = useRef(new Map<string, QueryTopic>());
  const pace = useRef<RefreshPace | null>(null);
  const [everLive, setEverLive] = useState(false);

  const refresh = useCallback(
    async (topics: readonly QueryTopic[]): Promise<void> => {
      const filters = {
        predicate: ({ queryKey }: Query) => topics.some((topic) => isShownBy(topic, queryKey)),
      };
      const options = { cancelRefetch: false };
      // What is being read may have been read before the event: it is read once more after that.
      const again = queryClient
        .getQueryCache()
        .findAll({ ...filters, fetchStatus: "fetching" })
        .map(({ promise, queryKey }) =>
          promise
            ?.catch(() => undefined)
            .then(() => queryClient.invalidateQueries({ queryKey, exact: true }, options)),
        );
      await Promise.all([...again, queryClient.invalidateQueries(filters, options)]);
    },
    [queryClient],
  );

  const notify = useEventNotifier();
  // Only the first page's: what is read later is newer.
  const [after] = useState(position);
  const onEvent = useCallback(
    (event: LiveEvent) => {
      notify(event);
      for (const topic of listQueriesToRefresh(event)) {
        const key = `${topic.procedures.join()} ${topic.runId ?? ""}`;
        pending.current.set(key, topic);
        if (arrived.current.size < MOST_ARRIVED) arrived.current.set(key, topic);
        else arrived.current = new Map([["", EVERY_TOPIC]]);
      }
      if (pending.current.size > 0) pace.current?.ask();
    },
    [notify],
  );
  const isOutdated = useCallback(
    (key: QueryKey) => [...arrived.current.values()].some((topic) => isShownBy(topic, key)),
    [],
  );
  useEffect(() => {
    const own = new RefreshPace(() => {
      const topics = [...pending.current.values()];
      pending.current.clear();
      return refresh(topics);
    });
    pace.current = own;
    // Events may have come before.
    if (pending.current.size > 0) own.ask();
    return () => own.stop();
  }, [refresh]);

  const options = useMemo(
    () =>
      trpc.live.events.subscriptionOptions(
        { after },
        { onData: (tracked) => onEvent(tracked.data), onStarted: () => setEverLive(true) },
      ),
    [trpc, after, onEvent],
  );
  const subscription = useSubscription(options);
  const connection: Connection =
    subscription.status === "pending" ? "live" : everLive ? "reconnecting" : "connecting";
  // What failed while the server was away is asked again; what was loaded meanwhile stays on the page.
  useEffect(() => {
    if (connection === "live")
      void queryClient.invalidateQueries({ predicate: ({ state }) => state.status === "error" });
  }, [connection, queryClient]);
  return (
    <ConnectionContext value={connection}>
      <IsOutdatedContext value={isOutdated}>{children}</IsOutdatedContext>
    </ConnectionContext>
  );
}
