import { readFile } from "node:fs/promises";
import type { JWT, OAuth2Client } from "google-auth-library";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { parseJsonOrNull } from "@/lib/json";
import { readCredential } from "@/gpu-workers/runtime/credentials";

/**
 * Credentials of the clouds, whose form is no plain key. They come from a stored key or from variables of the worker's
 * environment, and from there only where the worker was started with `--credential` for the endpoint's origin.
 */

/** What signs a request to Amazon Bedrock: an API key of Bedrock, or an access key. */
export type BedrockCredentials =
  | { apiKey: string }
  | { apiKey: ""; accessKeyId: string; secretAccessKey: string; sessionToken?: string };

/** @throws AppError "unauthorized" with what to set */
export function readBedrockCredentials(
  endpoint: string,
  apiKey: string | undefined,
  environment: Partial<NodeJS.ProcessEnv> = process.env,
): BedrockCredentials {
  if (apiKey) return { apiKey };
  const secretAccessKey = readVariable("AWS_SECRET_ACCESS_KEY", endpoint, environment, {
    dialect: "bedrock",
    storable: "an API key of Amazon Bedrock",
  });
  const accessKeyId = environment.AWS_ACCESS_KEY_ID?.trim();
  if (!accessKeyId)
    throw new AppError(
      "unauthorized",
      "AWS_SECRET_ACCESS_KEY is set on this worker without AWS_ACCESS_KEY_ID: set both where the worker is started.",
    );
  const sessionToken = environment.AWS_SESSION_TOKEN?.trim();
  // The empty key keeps the library from looking for one in the environment.
  return { apiKey: "", accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

const serviceAccountSchema = z.object({
  type: z.literal("service_account"),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
});

/**
 * Opens the credential for Vertex AI: the JSON of a service account's key, which gets its access tokens from Google
 * alone, or an access token itself.
 *
 * @throws AppError "unauthorized" with what to set
 */
export async function openGoogleCredential(
  endpoint: string,
  apiKey: string | undefined,
  environment: Partial<NodeJS.ProcessEnv> = process.env,
): Promise<JWT | OAuth2Client> {
  const { JWT, OAuth2Client } = await import("google-auth-library");
  const credential = apiKey ?? (await readKeyFile(endpoint, environment));
  if (!credential.trimStart().startsWith("{")) {
    const client = new OAuth2Client();
    client.setCredentials({ access_token: credential });
    return client;
  }
  const account = serviceAccountSchema.safeParse(parseJsonOrNull(credential));
  if (!account.success)
    throw new AppError(
      "unauthorized",
      "The credential for Vertex AI is JSON, but not the key of a service account (type service_account, client_email, private_key). Make one in the Google Cloud console, or give an access token.",
    );
  return new JWT({
    email: account.data.client_email,
    key: account.data.private_key,
    scopes: ["https://www.googleapis.com/auth/cloud-platform"],
  });
}

async function readKeyFile(
  endpoint: string,
  environment: Partial<NodeJS.ProcessEnv>,
): Promise<string> {
  const path = readVariable("GOOGLE_APPLICATION_CREDENTIALS", endpoint, environment, {
    dialect: "vertex",
    storable: "the JSON of a service account's key",
  });
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AppError(
      "unauthorized",
      "The file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read on this worker.",
      { cause },
    );
  }
}

function readVariable(
  variable: string,
  endpoint: string,
  environment: Partial<NodeJS.ProcessEnv>,
  { dialect, storable }: { dialect: string; storable: string },
): string {
  try {
    return readCredential(variable, endpoint, environment)!;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(
      error.code,
      `The dialect ${dialect} needs a credential: store ${storable} and name it (connection.key), or give the worker's own: ${error.message}`,
      { cause: error },
    );
  }
}
