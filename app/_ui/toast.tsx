"use client";
import { CircleAlert, CircleCheck, X } from "lucide-react";
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "./button";

interface ToastMessage {
  id: number;
  tone: "good" | "bad";
  text: string;
  action?: ToastAction;
}

/** What can be done about a message, e.g. undo what it tells of. */
interface ToastAction {
  label: string;
  act: () => void;
}

type Notify = (tone: ToastMessage["tone"], text: string, action?: ToastAction) => void;

const SHOWN_MS = 4000;
/** Long enough to read it and to reach its button by keyboard. */
const SHOWN_WITH_ACTION_MS = 15_000;

const ToastContext = createContext<Notify>(() => {});

/** `notify("bad", message)`: a short message at the foot of the page. Errors stay until they are closed. */
export const useNotify = (): Notify => useContext(ToastContext);

/** Shows the messages of `useNotify`. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const t = useText();
  const [messages, setMessages] = useState<ToastMessage[]>([]);
  const close = useCallback(
    (id: number) => setMessages((all) => all.filter((m) => m.id !== id)),
    [],
  );
  const notify = useCallback<Notify>(
    (tone, text, action) => {
      const id = Date.now() + Math.random();
      setMessages((all) => [...all.slice(-3), { id, tone, text, action }]);
      if (tone === "good") setTimeout(() => close(id), action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
    },
    [close],
  );
  const value = useMemo(() => notify, [notify]);
  return (
    <ToastContext value={value}>
      {children}
      <div
        aria-live="polite"
        data-messages
        className="pointer-events-none fixed right-4 bottom-20 z-50 flex w-80 max-w-[calc(100vw-2rem)] flex-col gap-2 md:bottom-4"
      >
        {messages.map((m) => (
          <div
            key={m.id}
            className="pointer-events-auto flex items-start gap-2 rounded-md border bg-card px-3 py-2 shadow-md"
          >
            {m.tone === "good" ? (
              <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" />
            ) : (
              <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" />
            )}
            <p className="min-w-0 flex-1 break-words whitespace-pre-wrap">{t.message(m.text)}</p>
            {m.action ? (
              <Button
                size="sm"
                className="-my-1"
                onClick={() => {
                  m.action?.act();
                  close(m.id);
                }}
              >
                {m.action.label}
              </Button>
            ) : null}
            <Button
              variant="ghost"
              size="icon-sm"
              className="-m-1"
              aria-label={t("Dismiss")}
              onClick={() => close(m.id)}
            >
              <X />
            </Button>
          </div>
        ))}
      </div>
    </ToastContext>
  );
}
