import { dehydrate, QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { act, cleanup, render, screen } from "@testing-library/react";
import { createTRPCClient, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { transformer } from "@/contracts/api/transformer";
import type { AppRouter } from "@/server/trpc/router";
import { LiveProvider } from "./live";
import type { LiveEvent } from "./live-topics";
import { SentData } from "./sent-data";
import { TRPCProvider, useTRPC } from "./trpc";

const RUN = "0f0e0d0c-0000-4000-8000-000000000000";
const OTHER = "1f0e0d0c-0000-4000-8000-000000000000";

/** A server whose run's names of metrics are the newest, and that sends events. */
function createServer() {
  let sendData: ((data: unknown) => void) | null = null;
  const state = { names: [{ name: "old" }], reads: 0 };
  const link: TRPCLink<AppRouter> =
    () =>
    ({ op }) =>
      observable((observer) => {
        if (op.type === "subscription") {
          sendData = (data) => observer.next({ result: { type: "data", data } });
          return;
        }
        state.reads++;
        observer.next({ result: { type: "data", data: state.names } });
        observer.complete();
      });
  const send = (event: LiveEvent): void => sendData!({ id: event.id, data: event });
  return { state, link, send, isConnected: () => sendData !== null };
}

function Names() {
  const names = useQuery(useTRPC().metrics.names.queryOptions({ runId: RUN }));
  return <p>{names.data?.map(({ name }) => name).join() ?? "nothing"}</p>;
}

/** Draws a page whose data comes after its connection, with an event of a run in between. */
async function drawAfterEvent(runId: string) {
  const server = createServer();
  const trpcClient = createTRPCClient<AppRouter>({ links: [server.link] });
  const reader = new QueryClient();
  await reader.prefetchQuery(
    createTRPCOptionsProxy<AppRouter>({
      client: trpcClient,
      queryClient: reader,
    }).metrics.names.queryOptions({ runId: RUN }),
  );
  const sent = Promise.resolve(
    dehydrate(reader, { serializeData: (value) => transformer.serialize(value) }),
  );
  const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: 10_000 } } });
  const draw = (hasData: boolean) => (
    <QueryClientProvider client={queryClient}>
      <TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
        <LiveProvider position="0">
          {hasData ? (
            <SentData state={sent}>
              <Names />
            </SentData>
          ) : null}
        </LiveProvider>
      </TRPCProvider>
    </QueryClientProvider>
  );
  const page = render(draw(false));
  expect(server.isConnected()).toBe(true);
  server.state.names = [{ name: "old" }, { name: "new" }];
  // Longer than events are gathered: what they touch was read again, and nothing was there.
  await act(async () => {
    server.send({ id: "1", kind: "metrics", runId });
    await vi.advanceTimersByTimeAsync(1_000);
  });
  expect(server.state.reads).toBe(1);
  page.rerender(draw(true));
  await act(() => sent);
  await act(() => vi.advanceTimersByTimeAsync(1_000));
  const reads = server.state.reads - 1;
  return { text: screen.getByRole("paragraph").textContent, reads };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

it("reads again what an event changed between the page's read and its arrival", async () => {
  expect(await drawAfterEvent(RUN)).toEqual({ text: "old,new", reads: 1 });
});

it("reads nothing twice that no event has touched", async () => {
  expect(await drawAfterEvent(OTHER)).toEqual({ text: "old", reads: 0 });
});
