import { createVerify, generateKeyPairSync } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JWT } from "google-auth-library";
import { describe, expect, it, vi } from "vitest";
import { openGoogleCredential, readBedrockCredentials } from "./vendor-credentials";
import { VendorClient } from "./vendor-client";
import { ScriptedEndpoint } from "@/gpu-workers/testing/scripted-endpoint";

const BEDROCK = "https://bedrock-runtime.eu-west-1.amazonaws.com";
const VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1";

describe("credentials of Amazon Bedrock", () => {
  const environment = { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "aws-secret" };
  it("are a stored key, or the worker's where it is bound to the endpoint's origin", () => {
    expect(readBedrockCredentials(BEDROCK, "stored", environment)).toEqual({ apiKey: "stored" });
    const bound = { ...environment, S3_CREDENTIALS: `AWS_SECRET_ACCESS_KEY=${BEDROCK}` };
    expect(readBedrockCredentials(BEDROCK, undefined, bound)).toEqual({
      apiKey: "",
      accessKeyId: "AKID",
      secretAccessKey: "aws-secret",
    });
    expect(() => readBedrockCredentials(BEDROCK, undefined, environment)).toThrow(
      "--credential AWS_SECRET_ACCESS_KEY=",
    );
    expect(() => readBedrockCredentials("https://elsewhere.example", undefined, bound)).toThrow(
      "does not send the environment variable",
    );
  });
  it("sign a request, which then carries no secret", async () => {
    const endpoint = await ScriptedEndpoint.start([{ status: 400, body: "{}" }]);
    const { origin } = new URL(endpoint.url);
    const client = new VendorClient("bedrock", origin, undefined, {
      ...environment,
      AWS_REGION: "eu-west-1",
      AWS_SESSION_TOKEN: "session",
      S3_CREDENTIALS: `AWS_SECRET_ACCESS_KEY=${origin}`,
    });
    const body = { model: "m", max_tokens: 1, messages: [{ role: "user", content: "x" }] };
    const { signal } = new AbortController();
    await client.exchange(body, { timeoutMs: 5000, signal });
    const { headers } = endpoint.requests[0]!;
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/bedrock\/aws4_request, SignedHeaders=[^,]*, Signature=[0-9a-f]{64}$/,
    );
    expect(headers["x-amz-security-token"]).toBe("session");
    expect(JSON.stringify(endpoint.requests)).not.toContain("aws-secret");
    await endpoint.close();
  });
});

describe("credentials of Vertex AI", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const account = JSON.stringify({
    type: "service_account",
    client_email: "team@project.example",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    token_uri: "https://elsewhere.example/token",
  });
  it("a service account's key signs for a token at Google, wherever its file points", async () => {
    const client = (await openGoogleCredential(VERTEX, account, {})) as JWT;
    const asked = vi.spyOn(client.transporter, "request").mockResolvedValue({
      data: { access_token: "token", expires_in: 3600, token_type: "Bearer" },
    } as never);
    expect((await client.getAccessToken()).token).toBe("token");
    const [{ url, data }] = asked.mock.calls[0] as unknown as [
      { url: string | URL; data: URLSearchParams },
    ];
    expect(new URL(url).hostname).toBe("oauth2.googleapis.com");
    const [header, claims, signature] = data.get("assertion")!.split(".");
    const verified = createVerify("RSA-SHA256")
      .update(`${header}.${claims}`)
      .verify(publicKey, signature!, "base64url");
    expect(verified).toBe(true);
  });
  it.each([
    ["an outage", undefined, undefined],
    ["status 503", 503, undefined],
    ["a refusal", 400, "unauthorized"],
  ])("%s of Google's tokens is tried again, or said once", async (_, status, code) => {
    const endpoint = await ScriptedEndpoint.start([]);
    const failure = Object.assign(new Error("no token"), { config: {}, ...(status && { status }) });
    const asked = vi.spyOn(JWT.prototype, "getAccessToken").mockRejectedValue(failure);
    const client = new VendorClient("vertex", new URL(endpoint.url).origin, account, {});
    const body = { model: "m", max_tokens: 1, messages: [{ role: "user", content: "x" }] };
    const { signal } = new AbortController();
    const failed = await client
      .exchange(body, { timeoutMs: 5000, signal })
      .catch((error: Error & { code?: string }) => error);
    // The endpoint's client repeats whatever is no AppError.
    expect(failed).toMatchObject({ message: expect.stringContaining("no token") as unknown });
    expect((failed as { code?: string }).code).toBe(code);
    expect(endpoint.requests.length).toBe(0);
    asked.mockRestore();
    await endpoint.close();
  });
  it("the worker's file is read only where it is bound to the endpoint's origin", async () => {
    const path = join(await mkdtemp(join(tmpdir(), "s3-credentials-")), "key.json");
    await writeFile(path, account);
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: path };
    await expect(openGoogleCredential(VERTEX, undefined, environment)).rejects.toThrow(
      "--credential GOOGLE_APPLICATION_CREDENTIALS=",
    );
    const bound = {
      ...environment,
      S3_CREDENTIALS: `GOOGLE_APPLICATION_CREDENTIALS=${new URL(VERTEX).origin}`,
    };
    const client = (await openGoogleCredential(VERTEX, undefined, bound)) as JWT;
    expect(client.email).toBe("team@project.example");
  });
  it("other JSON, which could have programs run or servers asked, is refused", async () => {
    const external = JSON.stringify({ type: "external_account", token_url: "https://x.example" });
    await expect(openGoogleCredential(VERTEX, external, {})).rejects.toMatchObject({
      code: "unauthorized",
    });
  });
});
