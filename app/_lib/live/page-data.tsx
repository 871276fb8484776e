import { dehydrate, QueryClient, type DehydratedState } from "@tanstack/react-query";
import { createTRPCClient, TRPCClientError, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import { createTRPCOptionsProxy, type TRPCOptionsProxy } from "@trpc/tanstack-react-query";
import { headers } from "next/headers";
import { cache, type ReactNode } from "react";
import { findPageApi, type PageApi } from "@/contracts/api/page-api";
import { transformer } from "@/contracts/api/transformer";
import type { AppRouter } from "@/server/trpc/router";
import { SentData } from "./sent-data";

/**
 * How long a page waits for its data; what is not there by then, the browser asks for. Longer than any of it takes while
 * the database answers: a second request for the same would only come later.
 */
const LONGEST_MS = 1_500;

/** Reads what a page will show: `({ trpc, client }) => client.prefetchQuery(trpc.runs.get.queryOptions({ id }))`. */
type ReadData = (from: {
  trpc: TRPCOptionsProxy<AppRouter>;
  client: QueryClient;
}) => Promise<unknown>;

interface PageDataProps {
  read: ReadData;
  children: ReactNode;
}

/**
 * Sends a page together with what it shows, so that it need not ask for it once its scripts run. The page itself comes
 * at once, and the data after it in the same answer: within a Suspense, React would hold the page back for 300 ms after
 * what stood in its place (https://react.dev/blog/2025/10/01/react-19-2, batching of boundaries). What cannot be read is
 * left to the page, which asks itself and says what is wrong.
 */
export async function PageData({ read, children }: PageDataProps) {
  const api = await findApiOfDocument();
  const hasPosition = (await readLivePosition()) !== null;
  // Around the page in any case: what is entered on it would be lost where something else took this place.
  return (
    <SentData state={api !== null && hasPosition ? readState(api, read) : null}>
      {children}
    </SentData>
  );
}

/** What the page reads, as it is sent. */
async function readState(api: PageApi, read: ReadData): Promise<DehydratedState> {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const trpc = createTRPCOptionsProxy<AppRouter>({
    client: createTRPCClient<AppRouter>({ links: [await createLink(api)] }),
    queryClient: client,
  });
  await settleSoon(read({ trpc, client }));
  return dehydrate(client, { serializeData: (value) => transformer.serialize(value) });
}

/** The newest live event when the page was begun; null where it is not known in time, or the page brings no data. */
export const readLivePosition = cache(async (): Promise<string | null> => {
  const api = await findApiOfDocument();
  return api === null ? null : settleSoon(api.readLivePosition());
});

/**
 * The API where a whole page is asked for. Who follows a link sees the next page at once, without waiting for its
 * data, which the browser asks for.
 */
async function findApiOfDocument(): Promise<PageApi | null> {
  return (await headers()).get("sec-fetch-dest") === "document" ? findPageApi() : null;
}

/** A value where it is there in time, else null. */
async function settleSoon<T>(value: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LONGEST_MS);
  });
  const settled = value.catch(() => null);
  return Promise.race([settled, tooLate]).finally(() => clearTimeout(timer));
}

/** Calls procedures in this process, as whoever asks for the page. */
async function createLink(api: PageApi): Promise<TRPCLink<AppRouter>> {
  const sent = Object.fromEntries(await headers());
  return () =>
    ({ op }) =>
      observable((observer) => {
        api.query(op.path, op.input, sent).then(
          (data) => {
            observer.next({ result: { type: "data", data } });
            observer.complete();
          },
          (error: unknown) =>
            observer.error(
              TRPCClientError.from(error instanceof Error ? error : new Error(String(error))),
            ),
        );
      });
}
