"use client";
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button, type ButtonProps } from "./button";

/** Copies a text, or what a function says at that time, and says for two seconds that it did. */
export function CopyButton({
  text,
  label,
  ...props
}: { text: string | (() => string); label?: string } & ButtonProps) {
  const t = useText();
  const shown = label ?? t("Copy");
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(typeof text === "string" ? text : text());
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  const iconOnly = props.size === "icon" || props.size === "icon-sm";
  return (
    <Button onClick={() => void copy()} aria-label={iconOnly ? shown : undefined} {...props}>
      {copied ? <Check className="text-good" /> : <Copy />}
      {iconOnly ? null : copied ? t("Copied") : shown}
      <span className="sr-only" aria-live="polite">
        {copied ? t("Copied to the clipboard") : ""}
      </span>
    </Button>
  );
}
