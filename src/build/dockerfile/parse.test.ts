import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import type { Instruction } from './instruction.ts';
import { parseDockerfile, parseTriggers } from './parse.ts';

const instructions = (text: string): Instruction[] => [...parseDockerfile(`FROM x\n${text}`).stages[0]!.instructions];
const first = (text: string): Instruction => instructions(text)[0]!;

test('stages, arguments before them, platforms', () => {
  const file = parseDockerfile('# syntax=docker/dockerfile:1\nARG V=1 W\nFROM --platform=$P a:$V AS One\nRUN x\nfrom one\n');
  expect(file.syntax).toBe('docker/dockerfile:1');
  expect(file.globalArgs[0]).toMatchObject({ args: [{ key: 'V', value: '1' }, { key: 'W', value: undefined }], line: 2 });
  expect(file.stages.map(({ from }) => from)).toMatchObject([{ base: 'a:$V', stage: 'one', platform: '$P', line: 3 }, { base: 'one', stage: '', line: 5 }]);
});

test('comments go, lines are joined, and empty ones in between are warned of', () => {
  const file = parseDockerfile('FROM x\n  # note\nRUN a \\\n# note\n  b \\  \n\n c\n');
  expect(file.stages[0]!.instructions[0]).toMatchObject({ command: { form: 'shell', words: ['a   b  c'] }, line: 3 });
  expect(file.warnings).toEqual(['[WARNING]: Empty continuation line found in: RUN a   b  c', '[WARNING]: Empty continuation lines will become errors in a future release.']);
  expect(first('RUN a \\\\\nRUN b')).toMatchObject({ command: { words: ['a \\\\'] } });
  expect(first('# x\nRUN a # b')).toMatchObject({ command: { words: ['a # b'] } });
});

test('the escape character can be another', () => {
  expect(parseDockerfile('# escape=`\nFROM x\nRUN a `\n b\\\nRUN c').stages[0]!.instructions).toMatchObject([{ command: { words: ['a  b\\'] } }, { command: { words: ['c'] } }]);
});

test('here-documents: scripts and files', () => {
  expect(first('RUN <<EOF\n a\n# b\nEOF\nRUN c')).toMatchObject({ kind: 'run', heredocs: [{ name: 'EOF', content: ' a\n# b\n', expand: true }] });
  expect(instructions('RUN <<EOF\n a\nEOF\nRUN c')[1]).toMatchObject({ command: { words: ['c'] }, line: 5 });
  expect(first('COPY <<-"AB" <<\'E\' x /d/\n\tone\n\tAB\n$x\nE\n')).toMatchObject({
    inlineFiles: [{ name: 'AB', text: 'one\n', expand: false }, { name: 'E', text: '$x\n', expand: false }], sources: ['x'],
  });
  expect(first('COPY <<E /d\n$x\nE')).toMatchObject({ inlineFiles: [{ name: 'E', text: '$x\n', expand: true }], sources: [], destination: '/d' });
  expect(first('RUN cat <<A 3<<B\n1\nA\n2\nB')).toMatchObject({ heredocs: [{ content: '1\n', descriptor: 0 }, { content: '2\n', descriptor: 3 }] });
  expect(first('RUN ["echo", "<<EOF"]')).toMatchObject({ heredocs: [], command: { form: 'exec' } });
  expect(first('RUN echo $((1<<2)) <<< x')).toMatchObject({ heredocs: [] });
  expect(first('ONBUILD RUN <<EOF\nx\nEOF')).toMatchObject({ kind: 'onbuild', trigger: 'RUN <<EOF\nx\nEOF' });
});

test('flags, forms and values', () => {
  expect(first('COPY --from=a --chown="b c" --link --exclude=x --exclude=y --chmod=7 s "t" d')).toMatchObject({
    from: 'a', chown: 'b c', link: true, excludes: ['x', 'y'], chmod: '7', sources: ['s', '"t"'], destination: 'd',
  });
  expect(first('ADD --checksum=sha256:0 --keep-git-dir=false --unpack=false ["a b", "c"]')).toMatchObject({ sources: ['a b'], destination: 'c', unpack: false, keepGitDir: false });
  expect(first('RUN --mount=type=cache,target=/x --mount=type=tmpfs,target=/y --network=none -- --x')).toMatchObject({
    mounts: ['type=cache,target=/x', 'type=tmpfs,target=/y'], network: 'none', command: { words: ['--x'] },
  });
  expect(first('ENV a=1 b="2 3" c=\\ d')).toMatchObject({ pairs: [{ key: 'a', value: '1' }, { key: 'b', value: '"2 3"' }, { key: 'c', value: '\\ d' }] });
  expect(first('ENV a  b = c ')).toMatchObject({ pairs: [{ key: 'a', value: 'b = c' }] });
  expect(first('EXPOSE 90 80')).toMatchObject({ ports: ['80', '90'] });
  expect(first('VOLUME ["/a b"]')).toMatchObject({ paths: ['/a b'] });
  expect(first('HEALTHCHECK --interval=1s --retries=3 CMD ["x"]')).toMatchObject({ health: { Test: ['CMD', 'x'], Interval: 1e9, Retries: 3 } });
  expect(first('CMD [ "a", \'b\' ]')).toMatchObject({ command: { form: 'shell', words: ['[ "a", \'b\' ]'] } });
  expect(parseTriggers(['RUN a', 'COPY b c'], '\\')).toMatchObject([{ kind: 'run' }, { kind: 'copy' }]);
});

test('errors in Docker’s words, with their line', () => {
  const at = (line: number, message: string) => `dockerfile parse error on line ${line}: ${message}`;
  for (const [text, message] of [
    ['', 'failed to parse Dockerfile: file with no instructions'],
    ['# only\n', 'failed to parse Dockerfile: file with no instructions'],
    ['RUN x', 'no build stage in current context'],
    ['FROM x\nFOO bar', at(2, 'unknown instruction: FOO (did you mean FROM?)')],
    ['FROM x\nCPY bar', at(2, 'unknown instruction: CPY (did you mean COPY?)')],
    ['FROM x\nconstructor bar', at(2, 'unknown instruction: CONSTRUCTOR')],
    ['FROM', at(1, 'FROM requires either one or three arguments')],
    ['FROM a AS 1x', at(1, 'invalid name for build stage: "1x", name can\'t start with a number or contain symbols')],
    ['FROM --foo x', at(1, 'unknown flag: --foo')],
    ['FROM x\n\nCOPY a', at(3, 'COPY requires at least two arguments, but only one was provided. Destination could not be determined')],
    ['FROM x\nENV', at(2, 'ENV requires at least one argument')],
    ['FROM x\nENV a', 'failed to parse Dockerfile: ENV must have two arguments'],
    ['FROM x\nFOO\nENV a', 'failed to parse Dockerfile: ENV must have two arguments'],
    ['FROM x\nENV a=b c', 'failed to parse Dockerfile: Syntax error - can\'t find = in "c". Must be of the form: name=value'],
    ['FROM x\nARG =x', at(2, 'ARG names can not be blank')],
    ['FROM x\nSHELL foo', at(2, 'SHELL requires the arguments to be in JSON form')],
    ['FROM x\nVOLUME ["a",""]', at(2, 'VOLUME specified can not be an empty string')],
    ['FROM x\nRUN ["a", 1]', 'failed to parse Dockerfile: when using JSON array syntax, arrays must be comprised of strings only'],
    ['FROM x\nRUN <<EOF\nx', 'failed to parse Dockerfile: unterminated heredoc'],
    ['FROM x\nCOPY a <<EOF\nx\nEOF', at(2, 'COPY cannot accept a heredoc as a destination')],
    ['FROM x\nONBUILD ONBUILD RUN x', at(2, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")],
    ['FROM x\nONBUILD from x', at(2, "FROM isn't allowed as an ONBUILD trigger")],
    ['FROM x\nHEALTHCHECK FOO x', at(2, 'Unknown type "FOO" in HEALTHCHECK (try CMD)')],
    ['FROM x\nHEALTHCHECK --interval=1us CMD x', at(2, 'Interval "interval" cannot be less than 1ms')],
    ['# escape=x\nFROM x', "failed to parse Dockerfile: invalid escape token 'x' does not match ` or \\"],
    ['# escape=`\n# escape=`\nFROM x', 'failed to parse Dockerfile: only one escape parser directive can be used'],
    [`FROM x\nRUN ${'y'.repeat(70_000)}`, 'failed to parse Dockerfile: dockerfile line greater than max allowed size of 65535'],
  ] as const) expect(() => parseDockerfile(text)).toThrow(message);
});

test('any text is a Dockerfile or is refused in words', () => {
  const piece = fc.constantFrom('FROM x\n', 'RUN ', 'COPY ', 'ENV ', '<<E', '\nE\n', '--from=', '"', "'", '\\', '\n', '[', ']', ' ', 'a=b', '$', '#', '\t');
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    try {
      parseDockerfile(pieces.join(''));
    } catch (error) {
      expect((error as Error).message).toMatch(/^(failed to parse Dockerfile|dockerfile parse error on line \d+|no build stage)/);
    }
  }), { numRuns: 500 });
});
