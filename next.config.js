/** @type {import("next").NextConfig} */
const config = {
  reactStrictMode: true,
  poweredByHeader: false,
  devIndicators: false,
  // The server compresses everything itself, also by brotli.
  compress: false,
  // The address that is printed; Next.js knows localhost only.
  allowedDevOrigins: ["127.0.0.1"],
  // Types are checked by `npm run check`; checking them again here would double the time of a build.
  typescript: { ignoreBuildErrors: true },
};

export default config;
