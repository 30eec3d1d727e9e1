// The app without AWS: keys, settings, and the server in front of URLs that are made up. The acceptance tests have the rest.

import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { InvalidKey, objectKey } from "../src/key.js";
import { drain, serverFor } from "../src/server.js";
import { settingsFrom } from "../src/settings.js";
import { Urls } from "../src/urls.js";

const SETTINGS = settingsFrom({ BUCKET: "uploads-of-nodejs" });
let server;

afterEach(() => {
  server?.close();
  server?.closeAllConnections();
  server = undefined;
});

// Answers a path with status and body.
async function started(urls, log) {
  server = serverFor(urls, SETTINGS, log);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return async (path, options) => {
    const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, options);
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
}

const fixed = {
  download: async (key, seconds) => ({ method: "GET", url: `https://example.com/${key}`, seconds }),
  upload: async (key, seconds) => ({ method: "PUT", url: `https://example.com/${key}`, seconds }),
  ready: async () => {},
};

test("a key stays below the prefix", () => {
  assert.equal(objectKey("uploads/", "2026/photo(1).jpg"), "uploads/2026/photo(1).jpg");
  for (const key of ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a\\b", "a b", "ä", "a\0", "a?b", "x".repeat(513)]) {
    assert.throws(() => objectKey("uploads/", key), InvalidKey, key);
  }
});

test("a setting that can't be is named", () => {
  assert.throws(() => settingsFrom({}), /BUCKET/);
  assert.throws(() => settingsFrom({ BUCKET: "Not A Bucket" }), /BUCKET/);
  assert.throws(() => settingsFrom({ BUCKET: "bucket", KEY_PREFIX: "uploads" }), /KEY_PREFIX/);
  assert.throws(() => settingsFrom({ BUCKET: "bucket", MAX_SECONDS: "604801" }), /MAX_SECONDS/);
  assert.throws(() => settingsFrom({ BUCKET: "bucket", PORT: "80a" }), /PORT/);
});

test("both endpoints answer with a URL, at most as long as allowed", async () => {
  const get = await started(fixed);
  assert.deepEqual((await get("/upload-url?key=a.txt")).body, { method: "PUT", url: "https://example.com/uploads/a.txt", seconds: 300 });
  assert.equal((await get("/download-url?key=a.txt&seconds=900")).body.seconds, 900);
  for (const seconds of ["901", "0", "-1", "1e2", ""]) {
    assert.equal((await get(`/download-url?key=a.txt&seconds=${seconds}`)).status, 400, seconds);
  }
});

test("a bad key, path or method is the caller's error", async () => {
  const get = await started(fixed);
  assert.equal((await get("/upload-url")).status, 400);
  assert.equal((await get("/upload-url?key=..%2Fsecret")).status, 400);
  assert.equal((await get("/toString")).status, 404);
  const { status, headers } = await get("/upload-url?key=a", { method: "POST" });
  assert.deepEqual([status, headers.get("allow")], [405, "GET, HEAD"]);
});

test("a role that can't be had is an error of the service, with AWS's code", async () => {
  const denied = async () => {
    throw Object.assign(new Error("Not authorized to perform sts:AssumeRoleWithWebIdentity"), { name: "AccessDenied" });
  };
  const get = await started({ download: denied, upload: denied, ready: denied });
  for (const path of ["/upload-url?key=a", "/download-url?key=a", "/readyz"]) {
    const { status, body } = await get(path);
    assert.deepEqual([status, body.code], [503, "AccessDenied"], path);
  }
  assert.equal((await get("/healthz")).status, 200);
});

test("URLs are answered to be kept nowhere, and logged nowhere", async () => {
  const lines = [];
  const get = await started(fixed, (line) => lines.push(line));
  assert.equal((await get("/upload-url?key=a")).headers.get("cache-control"), "no-store");
  assert.equal(lines.length, 1);
  assert.equal(JSON.stringify(lines).includes("example.com"), false);
});

test("a server that drains is not ready, and ends", async () => {
  const get = await started(fixed);
  assert.equal((await get("/readyz")).status, 200);
  await drain(server, 1);
  assert.equal(server.draining, true);
  await assert.rejects(get("/healthz"));
});

test("a URL lives no longer than the session that signs it", async () => {
  const inTwoMinutes = new Date(Date.now() + 120_000);
  process.env.AWS_ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE";
  process.env.AWS_SECRET_ACCESS_KEY = "made-up";
  process.env.AWS_CREDENTIAL_EXPIRATION = inTwoMinutes.toISOString();
  const urls = new Urls({ bucket: "uploads-of-nodejs", region: "ap-south-1" });
  const { url, expiresAt } = await urls.upload("uploads/a", 900);
  const seconds = Number(new URL(url).searchParams.get("X-Amz-Expires"));
  assert.ok(seconds > 100 && seconds <= 120, url);
  assert.ok(new Date(expiresAt) <= inTwoMinutes);
});

test("an upload's URL binds no checksum of an empty body", async () => {
  process.env.AWS_ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE";
  process.env.AWS_SECRET_ACCESS_KEY = "made-up";
  const { url } = await new Urls({ bucket: "uploads-of-nodejs", region: "ap-south-1" }).upload("uploads/a", 60);
  assert.doesNotMatch(url, /checksum/i);
});
