import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { act, render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { FreshQueryClient } from "./query-client";

it("reads again what is changed while it is read for the first time", async () => {
  let stored = "old";
  const answers: (() => void)[] = [];
  const read = (): Promise<string> => {
    const value = stored;
    return new Promise((resolve) => answers.push(() => resolve(value)));
  };
  function Reader() {
    const { data } = useQuery({ queryKey: ["text"], queryFn: read });
    return <p>{data ?? "nothing"}</p>;
  }
  const client = new FreshQueryClient();
  render(
    <QueryClientProvider client={client}>
      <Reader />
    </QueryClientProvider>,
  );
  stored = "new";
  await act(async () => {
    const done = client.invalidateQueries({ queryKey: ["text"] });
    // However slow the first one is.
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const answer of answers) answer();
    await done;
  });
  expect(await screen.findByText("new")).toBeTruthy();
  expect(answers).toHaveLength(2);
});
