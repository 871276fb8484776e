import {
  dehydrate,
  QueryClient,
  QueryClientProvider,
  useQuery,
  type DehydratedState,
} from "@tanstack/react-query";
import { act, fireEvent, render, screen } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { transformer } from "@/contracts/api/transformer";
import { SentData } from "./sent-data";

const HOUR_MS = 3_600_000;

/** As a server sends it whose clock is ahead. */
function send(text: string): Promise<DehydratedState> {
  const server = new QueryClient();
  server.setQueryData(["text"], text, { updatedAt: Date.now() + HOUR_MS });
  return Promise.resolve(
    dehydrate(server, { serializeData: (value) => transformer.serialize(value) }),
  );
}

function show(client: QueryClient, state: Promise<DehydratedState> | null) {
  return (
    <QueryClientProvider client={client}>
      <SentData state={state}>
        <input aria-label="Draft" />
      </SentData>
    </QueryClientProvider>
  );
}

it("is no newer than now, and is not put over newer data when one goes back to the page", async () => {
  const client = new QueryClient();
  const state = send("old");
  const page = render(show(client, state));
  await act(() => state);
  expect(client.getQueryData(["text"])).toBe("old");
  expect(client.getQueryState(["text"])!.dataUpdatedAt).toBeLessThanOrEqual(Date.now());
  client.setQueryData(["text"], "new");
  page.unmount();
  render(show(client, state));
  await act(() => state);
  expect(client.getQueryData(["text"])).toBe("new");
});

it("is not put over what the browser has read meanwhile", async () => {
  const client = new QueryClient();
  client.setQueryData(["text"], "new");
  const state = send("old");
  render(show(client, state));
  await act(() => state);
  expect(client.getQueryData(["text"])).toBe("new");
});

it("keeps what is entered on the page where the page is drawn again without data", () => {
  const client = new QueryClient();
  const page = render(show(client, send("text")));
  fireEvent.change(screen.getByLabelText("Draft"), { target: { value: "mine" } });
  page.rerender(show(client, null));
  expect(screen.getByLabelText<HTMLInputElement>("Draft").value).toBe("mine");
});

function Reader({ read }: { read: () => string }) {
  const query = useQuery({ queryKey: ["text"], queryFn: read, staleTime: Infinity });
  return <p>{query.data ?? "nothing"}</p>;
}

/** A page with a query of its own. */
const showReader = (state: Promise<DehydratedState>, read: () => string) => (
  <QueryClientProvider client={new QueryClient()}>
    <SentData state={state}>
      <Reader read={read} />
    </SentData>
  </QueryClientProvider>
);

it("is waited for by the page's queries, which ask nothing that it brings", async () => {
  const read = vi.fn(() => "asked");
  let arrive = (_state: DehydratedState): void => undefined;
  render(showReader(new Promise((resolve) => (arrive = resolve)), read));
  expect(screen.getByRole("paragraph").textContent).toBe("nothing");
  const sent = await send("sent");
  await act(() => {
    arrive(sent);
    return Promise.resolve();
  });
  expect(screen.getByRole("paragraph").textContent).toBe("sent");
  expect(read).not.toHaveBeenCalled();
});

it("is asked for by the page where the server's answer was cut off", async () => {
  const read = vi.fn(() => "asked");
  render(showReader(Promise.reject(new Error("cut off")), read));
  expect(await screen.findByText("asked")).toBeTruthy();
});
