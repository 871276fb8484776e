import { createServer } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { listenLocally } from "@/lib/testing/listen-locally";
import { isTokenPath, serveTokens } from "./token-routes";

const server = createServer((request, response) => void serveTokens(request, response));
let address = "";
beforeAll(async () => {
  address = `${await listenLocally(server)}/tokens`;
});
afterAll(() => server.close());

const ask = (body: string) => fetch(address, { method: "POST", body });

it("is asked at /tokens alone", () => {
  expect(["/tokens", "/tokens/x", "/"].filter(isTokenPath)).toEqual(["/tokens"]);
});

it("refuses what is not a request for tokens", async () => {
  for (const body of [
    "",
    "{",
    '{"model":"m"}',
    '{"model":"../m","ids":[1]}',
    '{"model":"m","ids":[-1]}',
  ])
    expect((await ask(body)).status, body).toBe(400);
  expect((await fetch(address)).status).toBe(405);
});

it("says that a model is not installed", async () => {
  const answer = await ask('{"model":"no-such-model","ids":[1]}');
  expect(answer.status).toBe(404);
  expect(await answer.text()).toBe("the tokenizer of no-such-model is not on this machine");
});
