import { computePercentile } from "@/gpu-workers/runtime/latency";
import { randomUUID } from "node:crypto";
import pino from "pino";
import { Access } from "@/server/http/access";
import { createHttpServer } from "@/server/http/server";
import { compose, type ControlPlane } from "@/server/compose";
import { FileStore } from "@/server/platform/artifacts/file-store";
import { DEFAULT_TIMINGS } from "@/server/platform/timings";

/** The server over HTTP on a database, without pages. */
export interface Product {
  plane: ControlPlane;
  url: string;
  headers: { authorization: string };
  stop(): Promise<void>;
}

export async function startProduct(databaseUrl: string, folder: string): Promise<Product> {
  const log = pino({ level: "silent" });
  const plane = compose({
    databaseUrl,
    store: new FileStore(folder),
    timings: DEFAULT_TIMINGS,
    log,
    dataDir: folder,
  });
  await plane.start();
  const secret = randomUUID();
  const http = createHttpServer(plane, new Access(secret), null, log);
  const port = await http.listen(0, "127.0.0.1");
  return {
    plane,
    url: `http://127.0.0.1:${port}`,
    headers: { authorization: `Bearer ${secret}` },
    async stop() {
      await http.close();
      await plane.stop();
    },
  };
}

/** Milliseconds of requests, and bytes of the last answer as it came over the wire. */
export interface Latency {
  p50: number;
  p95: number;
  max: number;
  kilobytes: number;
}

/** Times requests one after the other, the first two left out, which open connections and compile. */
export async function measureRequests(
  product: Product,
  count: number,
  build: (index: number) => [procedure: string, input: unknown],
): Promise<Latency> {
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i < count + 2; i++) {
    const [procedure, input] = build(i);
    const began = performance.now();
    const response = await fetch(
      `${product.url}/trpc/${procedure}?input=${encodeURIComponent(JSON.stringify({ json: input }))}`,
      { headers: { ...product.headers, "accept-encoding": "br" } },
    );
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${procedure} answered ${response.status}: ${text.slice(0, 300)}`);
    if (i >= 2) times.push(performance.now() - began);
    bytes = text.length;
  }
  const at = (share: number): number => Number((computePercentile(times, share) ?? NaN).toFixed(1));
  return { p50: at(0.5), p95: at(0.95), max: at(1), kilobytes: Math.round(bytes / 1024) };
}
