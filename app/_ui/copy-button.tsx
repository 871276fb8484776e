"use client";
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { Button, type ButtonProps } from "./button";

/** Copies a text, and says for two seconds that it did. */
export function CopyButton({
  text,
  label = "Copy",
  ...props
}: { text: string; label?: string } & ButtonProps) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  const iconOnly = props.size === "icon" || props.size === "icon-sm";
  return (
    <Button onClick={() => void copy()} aria-label={iconOnly ? label : undefined} {...props}>
      {copied ? <Check className="text-good" /> : <Copy />}
      {iconOnly ? null : copied ? "Copied" : label}
      <span className="sr-only" aria-live="polite">
        {copied ? "Copied to the clipboard" : ""}
      </span>
    </Button>
  );
}
