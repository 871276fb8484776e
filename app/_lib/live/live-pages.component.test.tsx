// @vitest-environment jsdom
import { QueryClient, QueryClientProvider, useInfiniteQuery } from "@tanstack/react-query";
import { act, cleanup, render } from "@testing-library/react";
import { createTRPCClient, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { AppRouter } from "@/server/trpc/router";
import { LiveProvider } from "./live";
import { buildListMeta } from "./live-pages";
import type { LiveEvent } from "./live-topics";
import { TRPCProvider, useTRPC } from "./trpc";

const LIMIT = 2;
const META = buildListMeta("data-run");

/** A server with runs, newest first, that counts what it is asked for and sends events. */
function createServer(count: number) {
  let sendData: ((data: unknown) => void) | null = null;
  const state = {
    runs: Array.from({ length: count }, (_, n) => ({ id: `r${count - n}`, progress: 0 })),
    cursors: [] as (string | null)[],
  };
  const link: TRPCLink<AppRouter> =
    () =>
    ({ op }) =>
      observable((observer) => {
        if (op.type === "subscription") {
          sendData = (data) => observer.next({ result: { type: "data", data } });
          return;
        }
        const cursor = (op.input as { cursor?: string | null }).cursor ?? null;
        state.cursors.push(cursor);
        // As the server pages: behind the row that the cursor names, whatever came before it.
        const behind = state.runs.filter(
          ({ id }) => cursor === null || +id.slice(1) < +cursor.slice(1),
        );
        const rows = behind.slice(0, LIMIT).map((run) => ({ ...run }));
        const nextCursor = behind.length > LIMIT ? rows.at(-1)!.id : null;
        observer.next({ result: { type: "data", data: { rows, nextCursor, counts: {} } } });
        observer.complete();
      });
  const send = (event: LiveEvent): void => sendData!({ id: event.id, data: event });
  return { state, link, send };
}

function Runs() {
  const query = useInfiniteQuery(
    useTRPC().runs.list.infiniteQueryOptions(
      { limit: LIMIT },
      { getNextPageParam: (page) => page.nextCursor, meta: META },
    ),
  );
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  return (
    <>
      <button onClick={() => void query.fetchNextPage()}>more</button>
      {rows.map(({ id, progress }) => (
        <p key={id} data-run={id}>
          {id} {JSON.stringify(progress)}
        </p>
      ))}
    </>
  );
}

/** A list of which all pages were read. `tell` sends an event and waits until what it touches was read. */
async function draw(count: number) {
  const server = createServer(count);
  const trpcClient = createTRPCClient<AppRouter>({ links: [server.link] });
  const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: 10_000 } } });
  const page = render(
    <QueryClientProvider client={queryClient}>
      <TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
        <LiveProvider position="0">
          <Runs />
        </LiveProvider>
      </TRPCProvider>
    </QueryClientProvider>,
  );
  const rest = () => act(() => vi.advanceTimersByTimeAsync(1_000));
  await rest();
  for (let read = LIMIT; read < count; read += LIMIT) {
    page.getByRole("button").click();
    await rest();
  }
  const tell = async (kind: LiveEvent["kind"] = "progress") => {
    server.state.cursors.length = 0;
    act(() => server.send({ id: "1", kind, runId: kind === "sync" ? null : "r1" }));
    await rest();
    return server.state.cursors;
  };
  const listRows = () => page.getAllByText(/^r\d/).map(({ textContent }) => textContent);
  return { server, tell, listRows };
}

/** These rows are in the window, the others below it. */
const showRows = (...ids: string[]) =>
  vi.spyOn(Element.prototype, "getBoundingClientRect").mockImplementation(function (this: Element) {
    const isShown = ids.includes(this.getAttribute("data-run") ?? "");
    return new DOMRect(0, isShown ? 100 : 5_000, 100, 20);
  });

beforeEach(() => {
  vi.useFakeTimers();
  if (!("DOMRect" in globalThis))
    vi.stubGlobal(
      "DOMRect",
      class {
        constructor(
          readonly x: number,
          readonly top: number,
          readonly width: number,
          readonly height: number,
        ) {}
        get bottom() {
          return this.top + this.height;
        }
      },
    );
});
afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("an event has the first page, what is in sight and the last page read again, not all pages", async () => {
  const { server, tell, listRows } = await draw(10);
  expect(listRows()).toHaveLength(10);
  showRows("r6");
  for (const run of server.state.runs) run.progress = 1;
  expect(await tell()).toEqual([null, "r7", "r3"]);
  expect(listRows()).toEqual([
    "r10 1",
    "r9 1",
    "r8 0",
    "r7 0",
    "r6 1",
    "r5 1",
    "r4 0",
    "r3 0",
    "r2 1",
    "r1 1",
  ]);
});

it("shows runs that came, and loses none that they push down", async () => {
  const { server, tell, listRows } = await draw(6);
  showRows("r6");
  server.state.runs.unshift({ id: "r7", progress: 0 });
  expect(await tell()).toEqual([null, "r3"]);
  // More than a page of them.
  for (const id of ["r8", "r9", "r10"]) server.state.runs.unshift({ id, progress: 0 });
  expect(await tell()).toEqual([null, "r3", "r9"]);
  expect(listRows().map((text) => text.split(" ")[0])).toEqual([
    "r10",
    "r9",
    "r8",
    "r7",
    "r6",
    "r5",
    "r4",
    "r3",
    "r2",
    "r1",
  ]);
});

it("reads all of a list that a run has left, and after a gap", async () => {
  const { server, tell, listRows } = await draw(6);
  showRows("r6");
  server.state.runs.splice(0, 1);
  expect((await tell()).slice(2)).toEqual([null, "r4", "r2"]);
  expect(listRows().map((text) => text.split(" ")[0])).toEqual(["r5", "r4", "r3", "r2", "r1"]);
  expect(await tell("sync")).toEqual([null, "r4", "r2"]);
});
