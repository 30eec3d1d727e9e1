// The HTTP side: two endpoints for URLs, two for probes. Knows nothing of AWS but the names of its errors.

import { createServer } from "node:http";
import { InvalidKey, objectKey } from "./key.js";
import { whole } from "./settings.js";

// `log` takes one object per request. A presigned URL is a credential: it is never logged.
export function serverFor(urls, settings, log = () => {}) {
  const routes = {
    "/download-url": (query) => urls.download(...asked(query, settings)),
    "/upload-url": (query) => urls.upload(...asked(query, settings)),
    // Alive: the process answers. Ready: it also has credentials, and is not about to end.
    "/healthz": () => ({ status: "ok" }),
    "/readyz": async () => {
      if (server.draining) throw new Failure(503, "shutting down");
      await urls.ready();
      return { status: "ok" };
    },
  };

  const server = createServer(async (request, response) => {
    const begun = performance.now();
    const { pathname: path, searchParams: query } = new URL(request.url, "http://localhost");
    const { status, body, headers } = await answer(routes, request.method, path, query);
    const text = JSON.stringify(body) + "\n";
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      "cache-control": "no-store",
      ...(server.draining && { connection: "close" }),
      ...headers,
    });
    response.end(request.method === "HEAD" ? undefined : text);
    const probe = path === "/healthz" || path === "/readyz";
    if (!probe || status !== 200) {
      const ms = Math.round(performance.now() - begun);
      log({ method: request.method, path, key: query.get("key") ?? undefined, status, error: body.error, code: body.code, ms });
    }
  });
  server.draining = false;
  server.requestTimeout = 10_000;
  return server;
}

// Ends `server`: probes say so at once, requests under way get `graceSeconds`. Resolves when the last connection is closed.
export function drain(server, graceSeconds) {
  server.draining = true;
  const late = setTimeout(() => server.closeAllConnections(), graceSeconds * 1000);
  return new Promise((resolve) => {
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
    server.closeIdleConnections();
  });
}

class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function answer(routes, method, path, query) {
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (!route) return { status: 404, body: { error: `no such path: one of ${Object.keys(routes).join(", ")}` } };
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, body: { error: `${method} is not allowed here` }, headers: { allow: "GET, HEAD" } };
  }
  try {
    return { status: 200, body: await route(query) };
  } catch (error) {
    if (error instanceof InvalidKey || error instanceof RangeError) return { status: 400, body: { error: error.message } };
    if (error instanceof Failure) return { status: error.status, body: { error: error.message } };
    // What is left comes from the SDK: the role can't be had. Its name is the AWS error code, such as AccessDenied.
    return { status: 503, body: { error: error.message, code: error.name } };
  }
}

function asked(query, { prefix, defaultSeconds, maxSeconds }) {
  const seconds = query.get("seconds");
  return [
    objectKey(prefix, query.get("key") ?? ""),
    seconds === null ? Math.min(defaultSeconds, maxSeconds) : whole("seconds", seconds, 1, maxSeconds),
  ];
}
