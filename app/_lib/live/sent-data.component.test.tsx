// @vitest-environment jsdom
import {
  dehydrate,
  QueryClient,
  QueryClientProvider,
  type DehydratedState,
} from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { transformer } from "@/contracts/api/transformer";
import { SentData } from "./sent-data";

afterEach(cleanup);

const HOUR_MS = 3_600_000;

/** As a server sends it whose clock is ahead. */
function send(text: string): DehydratedState {
  const server = new QueryClient();
  server.setQueryData(["text"], text, { updatedAt: Date.now() + HOUR_MS });
  return dehydrate(server, { serializeData: (value) => transformer.serialize(value) });
}

function show(client: QueryClient, state: DehydratedState | null) {
  return (
    <QueryClientProvider client={client}>
      <SentData state={state}>
        <input aria-label="Draft" />
      </SentData>
    </QueryClientProvider>
  );
}

it("is no newer than now, and is not put over newer data when one goes back to the page", () => {
  const client = new QueryClient();
  const state = send("old");
  const page = render(show(client, state));
  expect(client.getQueryData(["text"])).toBe("old");
  expect(client.getQueryState(["text"])!.dataUpdatedAt).toBeLessThanOrEqual(Date.now());
  client.setQueryData(["text"], "new");
  page.unmount();
  render(show(client, state));
  expect(client.getQueryData(["text"])).toBe("new");
});

it("is not put over what the browser has read meanwhile", () => {
  const client = new QueryClient();
  client.setQueryData(["text"], "new");
  render(show(client, send("old")));
  expect(client.getQueryData(["text"])).toBe("new");
});

it("keeps what is entered on the page where the page is drawn again without data", () => {
  const client = new QueryClient();
  const page = render(show(client, send("text")));
  fireEvent.change(screen.getByLabelText("Draft"), { target: { value: "mine" } });
  page.rerender(show(client, null));
  expect(screen.getByLabelText<HTMLInputElement>("Draft").value).toBe("mine");
});
