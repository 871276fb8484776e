import { describe, expect, it } from "vitest";
import { serveConfigSchema } from "@/contracts/run-config/serve-config";
import { isLoopbackHost, isLoopbackName, isLoopbackUrl } from "./loopback";

const LOOPBACK = ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "127.255.255.254"];
const ELSEWHERE = [
  "127.example.org",
  "127.0.0.1.example.org",
  "127.0.0",
  "127.0.0.256",
  "127.0.0.01",
  "127.0.0.1.",
  "localhost.example.org",
  "mylocalhost",
  "0.0.0.0",
  "128.0.0.1",
  "10.0.0.1",
  "gpu-box",
];

describe("a name or address", () => {
  it.each([...LOOPBACK, "::1", "[::1]"])("%s is of the loopback", (name) =>
    expect(isLoopbackName(name)).toBe(true),
  );
  it.each([...ELSEWHERE, "", "::", "::2", "[::1", "::ffff:10.0.0.1"])("%j is not", (name) =>
    expect(isLoopbackName(name)).toBe(false),
  );
});

describe("a Host header", () => {
  it.each([...LOOPBACK, "127.0.0.1:3000", "localhost:80", "[::1]:3000"])("%s is ours", (host) =>
    expect(isLoopbackHost(host)).toBe(true),
  );
  it.each([undefined, "", "127.example.org:80", "localhost@example.org", "127.0.0.1/x", "::1"])(
    "%j is not",
    (host) => expect(isLoopbackHost(host)).toBe(false),
  );
});

describe("a URL", () => {
  it.each(["http://127.0.0.2:3000", "https://localhost/x", "http://[::1]:80", "http://127.1"])(
    "%s is of this machine",
    (url) => expect(isLoopbackUrl(url)).toBe(true),
  );
  it.each(["http://127.example.org", "http://gpu-box:3000", "127.0.0.1", ""])("%j is not", (url) =>
    expect(isLoopbackUrl(url)).toBe(false),
  );
});

describe("a served model", () => {
  const isAccepted = (host: string): boolean =>
    serveConfigSchema.safeParse({ kind: "serve", what: "model", name: "m", host }).success;

  it.each(LOOPBACK)("needs no key on %s", (host) => expect(isAccepted(host)).toBe(true));
  it.each(ELSEWHERE)("needs one on %s", (host) => expect(isAccepted(host)).toBe(false));
});
