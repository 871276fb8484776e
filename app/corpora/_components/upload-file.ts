import { z } from "zod";
import type { Text } from "@/app/_i18n/format-text";
import { parseJson } from "@/app/_lib/config/parse-json";
import { wireErrorSchema } from "@/contracts/errors";

const uploadedSchema = z.object({
  id: z.uuid(),
  fileName: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  reused: z.boolean(),
});
export type Uploaded = z.infer<typeof uploadedSchema>;

/**
 * Sends a file to the server as it is. XMLHttpRequest, because `fetch` does not tell how far a body has gone.
 * Rejects with the server's own reason, or with "cancelled" once the signal is aborted.
 */
export function uploadFile(
  t: Text,
  file: File,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/uploads?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) =>
      onProgress(event.total > 0 ? event.loaded / event.total : 0);
    request.onload = () => {
      const body: unknown = parseJson(request.responseText);
      const result = uploadedSchema.safeParse(body);
      if (request.status === 201 && result.success) return resolve(result.data);
      const refusal = wireErrorSchema.safeParse(body);
      reject(
        new Error(
          refusal.success
            ? refusal.data.message
            : t("The server answered HTTP {status}.", { status: request.status }),
        ),
      );
    };
    request.onerror = () =>
      reject(
        new Error(
          t(
            "The connection broke off before all was sent. Look whether the server is up, then try again; nothing of it was kept.",
          ),
        ),
      );
    request.onabort = () => reject(new Error(t("cancelled")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}
