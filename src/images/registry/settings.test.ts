/** What administrators write: proxies, mirrors, hosts.toml; and what clients send as credentials. */
import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { anonymous, decodeAuthHeader, decodeConfigHeader } from './credentials.ts';
import { validateInsecure, validateMirror } from './endpoints.ts';
import { parseHostsFile } from './host-config.ts';
import { inBlock, proxyFor, proxySettings } from './proxy.ts';
import { registryOf } from './registries.ts';
import { CaissonError } from '../../errors.ts';

test('which proxy stands before a server', () => {
  const settings = proxySettings({ HTTP_PROXY: 'proxy:3128', https_proxy: 'https://secure:1', NO_PROXY: '.corp, exact.example,10.0.0.0/8,with.port:81,1.2.3.4' });
  const proxy = (url: string) => proxyFor(new URL(url), settings)?.href;
  expect(proxy('http://registry.example/')).toBe('http://proxy:3128/');
  expect(proxy('https://registry.example/')).toBe('https://secure:1/');
  for (const direct of ['http://a.corp/', 'http://exact.example/', 'http://sub.exact.example/', 'http://10.1.2.3/', 'http://with.port:81/', 'http://localhost:5000/', 'http://127.9.9.9/', 'http://[::1]/', 'http://1.2.3.4:5000/']) {
    expect([direct, proxy(direct)]).toEqual([direct, undefined]);
  }
  for (const proxied of ['http://corp/', 'http://inexact.example/', 'http://11.1.2.3/', 'http://with.port/']) expect(proxy(proxied)).toBeDefined();
  expect(proxyFor(new URL('http://registry.example/'), { ...settings, none: '*' })).toBeUndefined();
});

test('blocks of addresses', () => {
  expect([inBlock('10.1.2.3', '10.0.0.0', 8), inBlock('11.1.2.3', '10.0.0.0', 8), inBlock('::1', '::', 64), inBlock('host', '10.0.0.0', 8), inBlock('10.0.0.1', '10.0.0.0', 99)]).toEqual([true, false, true, false, false]);
});

test('mirrors and insecure registries of the options', () => {
  expect(validateMirror('https://mirror.example/a//')).toBe('https://mirror.example/a/');
  for (const bad of ['ftp://x', 'mirror', 'http://u@x', 'http://x/?q']) expect(() => validateMirror(bad)).toThrow(/^invalid mirror: /);
  expect(['reg:5000', '10.0.0.0/8', 'http://reg'].map(validateInsecure)).toEqual(['reg:5000', '10.0.0.0/8', 'reg']);
  for (const bad of ['', '-x', 'ftp://x']) expect(() => validateInsecure(bad)).toThrow(/^insecure registry /);
});

test('hosts.toml', () => {
  const { server, mirrors } = parseHostsFile(`
    server = "https://registry.example"
    [host."http://first:5000"]
      capabilities = ["pull"]
    [host."https://second/path/v2"]
      override_path = true
      skip_verify = true
      [host."https://second/path/v2".header]
        x-custom = ["a", "b"]
    [host."third"]
  `, '/nowhere');
  expect(server?.url.href).toBe('https://registry.example/v2');
  expect(mirrors.map(({ url, pull, resolve, push }) => [url.href, pull, resolve, push])).toEqual([
    ['http://first:5000/v2', true, false, false], ['https://second/path/v2', true, true, true], ['https://third/v2', true, true, true],
  ]);
  expect(mirrors[1]).toMatchObject({ headers: { 'x-custom': 'a, b' }, tls: { insecure: true } });
  expect(() => parseHostsFile('[host."ftp://x"]', '/')).toThrow('invalid host "ftp://x"');
  expect(() => parseHostsFile('[host."x"]\ncapabilities = ["fly"]', '/')).toThrow('unknown capability "fly"');
});

test('credentials', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  expect(decodeAuthHeader(encode({ username: 'a', password: 'b', identitytoken: 'c' }))).toMatchObject({ username: 'a', password: 'b', identityToken: 'c' });
  expect(decodeAuthHeader(encode({ auth: Buffer.from('user:pass:word').toString('base64') }))).toMatchObject({ username: 'user', password: 'pass:word' });
  expect(decodeConfigHeader(encode({ 'reg:5000': { username: 'a' }, bad: 7 })).get('reg:5000')).toMatchObject({ username: 'a' });
  fc.assert(fc.property(fc.oneof(fc.string(), fc.jsonValue().map(encode)), (header) => {
    const credentials = decodeAuthHeader(header);
    expect(Object.values(credentials).every((value) => typeof value === 'string')).toBe(true);
    expect(Object.keys(credentials)).toEqual(Object.keys(anonymous));
  }));
});

test("a registry's address", () => {
  expect(['', 'https://index.docker.io/v1/', 'docker.io', 'http://localhost:5000/v2/', '[::1]:5000', 'reg.example'].map(registryOf)).toEqual(['docker.io', 'docker.io', 'docker.io', 'localhost:5000', '[::1]:5000', 'reg.example']);
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      expect(registryOf(text)).not.toMatch(/^\.|[/@?#]/);
    } catch (error) {
      expect(error).toBeInstanceOf(CaissonError);
    }
  }));
});
