import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { request } from "node:http";
import { request as secureRequest } from "node:https";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError, wireErrorSchema } from "@/contracts/errors";
import { hashFile } from "@/lib/hash";
import { parseJsonOrNull } from "@/lib/json";
import type { Connection } from "./client";

const uploadedSchema = z.object({
  id: z.uuid(),
  bytes: z.number(),
  sha256: z.string(),
  reused: z.boolean(),
});

/**
 * Sends a file to the server, unless the server has a file of the same content already.
 *
 * @param wanted sha256 that the file must have; absent: any
 * @returns the upload's id
 * @throws AppError "invalid-input" where the file has another sha256; with the server's reason where it refuses the file
 */
export async function uploadFile(
  { client, server, headers }: Omit<Connection, "close">,
  path: string,
  wanted?: string,
): Promise<{ id: string; reused: boolean }> {
  const sha256 = await hashFile(path);
  if (wanted !== undefined && sha256 !== wanted)
    throw new AppError(
      "invalid-input",
      `${basename(path)} has the sha256 ${sha256} and not ${wanted}: it is damaged or another file.`,
    );
  const known = await client.corpora.findUpload.query({ sha256 });
  if (known) return { id: known.id, reused: true };
  const url = new URL(`/uploads?name=${encodeURIComponent(basename(path))}`, server);
  const send = (url.protocol === "https:" ? secureRequest : request)(url, {
    method: "POST",
    headers: {
      ...headers,
      "content-type": "application/octet-stream",
      "content-length": String((await stat(path)).size),
    },
  });
  const answer = new Promise<{ status: number; text: string }>((done, fail) => {
    send.once("error", fail);
    send.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response
        .once("end", () => done({ status: response.statusCode ?? 0, text }))
        .once("error", fail);
    });
  });
  // Where the server refuses the file, sending breaks off; the server's reason is the error to report.
  const sending = pipeline(createReadStream(path), send).catch((error: unknown) => error);
  const { status, text } = await answer;
  await sending;
  const body = parseJsonOrNull(text);
  if (status === 201) return uploadedSchema.parse(body);
  const refusal = wireErrorSchema.safeParse(body);
  throw refusal.success
    ? new AppError(refusal.data.code, refusal.data.message)
    : new AppError("internal", `The server answered HTTP ${status}: ${text.slice(0, 200)}`);
}
