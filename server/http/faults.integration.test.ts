import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitUntil } from "@/lib/testing/wait-until";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { createHttpServer, type HttpServer } from "./server";
import { Access } from "./access";

const UPGRADE =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const LIMITS = { idleMs: 200, totalMs: 1_500, heldBytes: 8 * 2 ** 20, maxBytes: 5 * 2 ** 20 };

/** What senders who stop, repeat themselves or send nonsense can do to the server. */
describe("the server against bad senders", () => {
  let test: TestServer;
  let http: HttpServer;
  let port: number;
  beforeAll(async () => {
    test = await startTestServer();
    const secret = test.headers.authorization.replace("Bearer ", "");
    http = createHttpServer(
      test.plane,
      new Access(secret),
      null,
      pino({ level: "silent" }),
      LIMITS,
    );
    port = await http.listen(0, "127.0.0.1");
  });
  afterAll(async () => {
    await http.close();
    await test.stop();
  });

  const countConnections = (): Promise<number> =>
    new Promise((resolve) => http.server.getConnections((_error, count) => resolve(count)));

  /** Opens a connection, says something and gives what comes back until the server ends it. */
  const say = (text: string): { socket: Socket; ended: Promise<string> } => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (data) => (answer += data.toString()));
    socket.on("error", () => undefined);
    return { socket, ended: new Promise((resolve) => socket.once("close", () => resolve(answer))) };
  };
  const head = (line: string): string =>
    `${line} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${test.headers.authorization}\r\n`;

  it.each(["/x", "//", "/_next/webpack-hmr", "/worker", "/trpc-ws?x=%"])(
    "forgets the connections that asked for a WebSocket at %s",
    async (path) => {
      const before = await countConnections();
      const sockets = Array.from({ length: 60 }, () => say(head(`GET ${path}`) + UPGRADE));
      await sleep(100);
      for (const { socket } of sockets) socket.end();
      await waitUntil(
        "they are gone",
        async () => (await countConnections()) <= before || undefined,
        5_000,
      );
    },
  );

  it("answers an address that is none, and goes on", async () => {
    const { ended } = say(`${head("GET //")}Connection: close\r\n\r\n`);
    expect(await ended).toMatch(/^HTTP\/1.1 400/);
    const health = say(`${head("GET /healthz")}Connection: close\r\n\r\n`);
    expect(await health.ended).toMatch(/^HTTP\/1.1 200/);
  });

  const post = (path: string, bytes: number): string =>
    `${head(`POST ${path}`)}Content-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;

  it.each(["/trpc/runs.launch", "/uploads?name=a.txt", "/tokens"])(
    "ends a body at %s that stops coming",
    async (path) => {
      const { ended } = say(`${post(path, 1_000)}{"json":`);
      expect(await ended).toMatch(/^HTTP\/1.1 (408|500)|^$/);
    },
  );

  it("ends a body that trickles, refuses one that is too large, and more than fit at one time", async () => {
    const trickling = say(post("/trpc/runs.launch", 2 ** 21));
    const timer = setInterval(() => trickling.socket.write("a"), 50);
    expect(await trickling.ended).toMatch(/^HTTP\/1.1 408/);
    clearInterval(timer);
    expect(await say(post("/trpc/runs.launch", 2 ** 23)).ended).toMatch(/^HTTP\/1.1 413/);
    const held = say(`${post("/trpc/runs.launch", 5 * 2 ** 20)}a`);
    await sleep(50);
    expect(await say(`${post("/trpc/runs.launch", 5 * 2 ** 20)}a`).ended).toMatch(/^HTTP\/1.1 503/);
    await held.ended;
    expect(await say(`${post("/trpc/runs.launch", 5 * 2 ** 20)}a`).ended).toMatch(/^HTTP\/1.1 408/);
  });

  it("hears of uploads that are cut off at any moment, and goes on", async () => {
    const { token } = await test.plane.workerTokens.create("cut", "test");
    const id = "00000000-0000-4000-8000-000000000000";
    const upload = `PUT /worker/artifacts/${id}/a.bin?runId=${id}&attempt=1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nContent-Length: 100000\r\n\r\nabc`;
    for (const text of [upload, `${post("/uploads?name=a.txt", 100_000)}abc`])
      for (const delay of [1, 3, 6, 12, 25, 50]) {
        const { socket, ended } = say(text);
        await sleep(delay);
        socket.destroy();
        await ended;
      }
    await sleep(100);
    const health = say(`${head("GET /healthz")}Connection: close\r\n\r\n`);
    expect(await health.ended).toMatch(/^HTTP\/1.1 200/);
  });

  it("refuses a batch of very many calls", async () => {
    const path = Array.from({ length: 500 }, () => "runs.list").join(",");
    const status = await new Promise<number>((resolve, reject) => {
      httpRequest(
        { port, path: `/trpc/${path}?batch=1&input=%7B%7D`, headers: test.headers },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      )
        .on("error", reject)
        .end();
    });
    expect(status).toBe(400);
  });
});
