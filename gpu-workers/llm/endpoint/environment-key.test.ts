import { afterEach, expect, it, vi } from "vitest";
import { ScriptedEndpoint } from "@/gpu-workers/testing/scripted-endpoint";
import { EndpointClient } from "./endpoint-client";
import { findEnvironmentKey } from "./environment-key";

afterEach(() => vi.unstubAllEnvs());

it.each([
  ["https://api.example.com/v1", "https://api.example.com", "sk", null],
  ["https://api.example.com/v1", "https://api.example.com:443/v1/", "sk", null],
  [
    "https://api.example.com:8443/v1",
    "https://api.example.com",
    undefined,
    "not for https://api.example.com:8443",
  ],
  [
    "http://api.example.com/v1",
    "https://api.example.com",
    undefined,
    "not for http://api.example.com",
  ],
  [
    "https://api.example.com.evil.org/v1",
    "https://api.example.com",
    undefined,
    "not for https://api.example.com.evil.org",
  ],
  ["https://api.example.com/v1", undefined, undefined, "set S3_GENERATOR_API_KEY_ORIGIN"],
  ["https://api.example.com/v1", "api.example.com", undefined, "no address"],
  ["data:,x", "data:,y", undefined, "no address"],
])("the environment's key for %s, bound to %s, is %s", (endpoint, bound, expected, reason) => {
  const reasons: string[] = [];
  expect(
    findEnvironmentKey(
      endpoint,
      { NODE_ENV: "test", S3_GENERATOR_API_KEY: "sk", S3_GENERATOR_API_KEY_ORIGIN: bound },
      (text) => reasons.push(text),
    ),
  ).toBe(expected);
  expect(reasons).toEqual(reason === null ? [] : [expect.stringContaining(reason)]);
  expect(
    findEnvironmentKey(endpoint, { NODE_ENV: "test", S3_GENERATOR_API_KEY_ORIGIN: bound }, (text) =>
      reasons.push(text),
    ),
  ).toBeUndefined();
  expect(reasons).toHaveLength(reason === null ? 0 : 1);
});

it("is sent to its origin alone, never in place of a run's own key, and a worker says once why not", async () => {
  const endpoint = await ScriptedEndpoint.start(["hello"]);
  const warning = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
  try {
    vi.stubEnv("S3_GENERATOR_API_KEY", "sk-environment");
    const ask = async (overrides: object = {}) => {
      await new EndpointClient(endpoint.url, overrides).complete(
        { model: "m", max_tokens: 8, prompt: "Say hello." },
        new AbortController().signal,
      );
      return endpoint.requests.at(-1)!.headers.authorization;
    };
    vi.stubEnv("S3_GENERATOR_API_KEY_ORIGIN", "https://api.example.com");
    expect([await ask(), await ask()]).toEqual([undefined, undefined]);
    expect(warning).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(warning.mock.calls)).not.toContain("sk-environment");
    vi.stubEnv("S3_GENERATOR_API_KEY_ORIGIN", endpoint.url);
    expect(await ask()).toBe("Bearer sk-environment");
    expect(await ask({ apiKey: "sk-own" })).toBe("Bearer sk-own");
    expect(await ask({ apiKey: undefined })).toBeUndefined();
  } finally {
    warning.mockRestore();
    await endpoint.close();
  }
});
