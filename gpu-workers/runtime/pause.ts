import { AppError } from "@/contracts/errors";
import { onAbort } from "./on-abort";

export const cancelled = (): AppError =>
  new AppError("cancelled", "The request to the model server was cancelled.");

/** Waits, or throws `cancelled` as soon as the signal is aborted. */
export const pauseFor = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelled());
    const timer = setTimeout(() => {
      forget();
      resolve();
    }, milliseconds);
    const forget = onAbort(signal, () => {
      clearTimeout(timer);
      reject(cancelled());
    });
  });
