import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import dns from "node:dns";
import { afterEach, describe, expect, it, vi } from "vitest";
import { listenLocally } from "@/lib/testing/listen-locally";
import { fetchGuarded } from "./guarded-fetch";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
  vi.restoreAllMocks();
});

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; port: number; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  const url = await listenLocally(server);
  closing.push(() => server.closeAllConnections());
  closing.push(() => server.close());
  return { url, port: Number(new URL(url).port), requests };
}
const redirectTo =
  (location: string) =>
  (_request: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(302, { location }).end();
const secret = (): ReturnType<typeof serve> =>
  serve((_request, response) => response.end("internal"));

describe("an address that is fetched", () => {
  it("may be of this machine, and redirect within its own origin", async () => {
    const server = await serve((request, response) =>
      request.url === "/b" ? response.end("here") : redirectTo("/b")(request, response),
    );
    for (const host of ["127.0.0.1", "localhost"]) {
      const response = await fetchGuarded(`http://${host}:${server.port}/a`, {
        headers: { authorization: "Bearer x" },
      });
      expect(await response.text()).toBe("here");
    }
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(
      Array(4).fill("Bearer x"),
    );
  });

  it.each(["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0.0.0.0"])(
    "is not followed to another service of this machine: %s",
    async (host) => {
      const inner = await secret();
      const server = await serve(redirectTo(`http://${host}:${inner.port}/secret`));
      await expect(fetchGuarded(server.url, {})).rejects.toMatchObject({ code: "unauthorized" });
      const chain = await serve((request, response) =>
        redirectTo(request.url === "/" ? "/next" : `http://${host}:${inner.port}/`)(
          request,
          response,
        ),
      );
      await expect(fetchGuarded(chain.url, {})).rejects.toMatchObject({ code: "unauthorized" });
      expect(inner.requests).toEqual([]);
    },
  );

  it.each([
    "http://10.1.2.3/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest",
    "http://[fd00::1]/",
  ])("is not followed into this machine's network: %s", async (location) => {
    const server = await serve(redirectTo(location));
    await expect(fetchGuarded(server.url, {})).rejects.toMatchObject({ code: "unauthorized" });
  });

  it("is judged by what its name means when it is connected to", async () => {
    const inner = await secret();
    const server = await serve(redirectTo(`http://rebound.example:${inner.port}/`));
    vi.spyOn(dns, "lookup").mockImplementation(((
      _hostname: string,
      _options: object,
      done: (error: null, found: dns.LookupAddress[]) => void,
    ) => done(null, [{ address: "127.0.0.1", family: 4 }])) as unknown as typeof dns.lookup);
    await expect(fetchGuarded(server.url, {})).rejects.toMatchObject({ code: "unauthorized" });
    await expect(fetchGuarded(`http://rebound.example:${inner.port}/`, {})).rejects.toMatchObject({
      code: "unauthorized",
    });
    expect(inner.requests).toEqual([]);
  });

  it("is not followed to files, nor for ever", async () => {
    const file = await serve(redirectTo("file:///etc/passwd"));
    await expect(fetchGuarded(file.url, {})).rejects.toMatchObject({ code: "unauthorized" });
    const loop = await serve(redirectTo("/again"));
    await expect(fetchGuarded(loop.url, {})).rejects.toMatchObject({ code: "invalid-input" });
    expect(loop.requests).toHaveLength(11);
  });
});
