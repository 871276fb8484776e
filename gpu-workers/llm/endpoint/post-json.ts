import { Agent, type Dispatcher } from "undici";
import { onAbort } from "@/lib/on-abort";

/**
 * Connections that all clients of this process share, so that a run reuses those of earlier runs. It has no time-outs of
 * its own, because models may take long and the caller sets the limit. It follows no redirection, so that a key is never
 * sent elsewhere.
 */
const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

/** Skips a byte order mark. */
const UTF8 = new TextDecoder();

/** A whole HTTP reply. */
export interface HttpReply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/**
 * POSTs JSON and returns the whole reply. It uses undici's dispatch, because its `request` and `fetch` wrap every reply in
 * a stream, which takes as much processor time again.
 *
 * @param timeoutMs longest wait for the whole reply
 * @throws Error where no whole reply came, with the reason: a broken connection, the time-out, or the aborted signal
 */
export function postJson(
  url: URL,
  body: string,
  options: { headers: Record<string, string>; timeoutMs: number; signal: AbortSignal },
): Promise<HttpReply> {
  const { headers, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let failure: Error | null = null;
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      forget();
      act();
    };
    const giveUp = (reason: Error): void => {
      failure = reason;
      controller?.abort(reason);
      settle(() => reject(reason));
    };
    const timer = setTimeout(
      () => giveUp(new Error(`timeout: no whole reply within ${Math.round(timeoutMs / 1000)} s`)),
      timeoutMs,
    );
    const forget = onAbort(signal, () => giveUp(new Error("aborted")));
    const reply: HttpReply = { status: 0, headers: {}, text: "" };
    const chunks: Buffer[] = [];
    const request = {
      origin: url.origin,
      path: url.pathname + url.search,
      method: "POST" as const,
      headers: { "content-type": "application/json", ...headers },
      body,
    };
    agent.dispatch(request, {
      onRequestStart(started) {
        controller = started;
        // The request was given up while it waited for a connection.
        if (failure) started.abort(failure);
      },
      onResponseStart(_controller, status, responseHeaders) {
        reply.status = status;
        reply.headers = responseHeaders;
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        reply.text = UTF8.decode(Buffer.concat(chunks));
        settle(() => resolve(reply));
      },
      onResponseError(_controller, error) {
        settle(() => reject(error));
      },
    });
  });
}
