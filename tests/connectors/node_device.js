// A device that is not ours: Node.js with nothing but its own modules. Started as
//   node node_device.js HTTP_PORT TCP_PORT [PASSWORD]
// (0: any port), it writes one line of JSON: {"http": port, "tcp": port}. With a password every request has to show
// Basic bridge:PASSWORD, and the first line on TCP has to be LOGIN PASSWORD.
'use strict';
const crypto = require('crypto');
const http = require('http');
const net = require('net');

const [httpPort, tcpPort, password] = process.argv.slice(2);
const tokens = new Set();
let asked = 0;
let told = 0;

function body(request) {
  return new Promise((resolve) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => resolve(Buffer.concat(pieces).toString()));
  });
}

function json(response, status, value, headers = {}) {
  response.writeHead(status, {'Content-Type': 'application/json', ...headers});
  response.end(JSON.stringify(value));
}

// RFC 6749 section 4.4: the client credentials grant, the client by HTTP Basic; a token is good for two questions.
async function token(request, response) {
  const form = new URLSearchParams(await body(request));
  const shown = basic(request).split(':').map((part) => decodeURIComponent(part.replace(/\+/g, ' ')));
  if (form.get('grant_type') !== 'client_credentials' || shown[0] !== 'bridge' || shown[1] !== 'open sesame') {
    json(response, 401, {error: 'invalid_client'});
    return;
  }
  const made = crypto.randomBytes(8).toString('hex');
  tokens.add(made);
  json(response, 200, {access_token: made, token_type: 'Bearer', expires_in: 3600, scope: form.get('scope')});
}

function api(request, response) {
  const shown = (request.headers.authorization || '').replace('Bearer ', '');
  if (!tokens.has(shown)) {
    json(response, 401, {error: 'invalid_token'}, {'WWW-Authenticate': 'Bearer error="invalid_token"'});
    return;
  }
  asked += 1;
  if (asked % 2 === 0) tokens.delete(shown);
  json(response, 200, {asked});
}

const server = http.createServer((request, response) => {
  if (request.url === '/token') return token(request, response);
  if (request.url === '/api') return api(request, response);
  if (!known(request)) {
    response.writeHead(401, {'WWW-Authenticate': 'Basic realm="device"'});
    return response.end();
  }
  if (request.url === '/state') return json(response, 200, {asked: ++asked});
  if (request.url !== '/events') return json(response, 404, {});
  response.writeHead(200, {'Content-Type': 'text/event-stream'});
  return response.write(`data: {"told": ${++told}}\n\n`);
});

function basic(request) {
  return Buffer.from((request.headers.authorization || '').replace('Basic ', ''), 'base64').toString();
}

function known(request) {
  return !password || basic(request) === `bridge:${password}`;
}

// RFC 6455 sections 4.2.2, 5.2 and 5.5: enough of a server to say one thing, to answer pings, and to say goodbye.
function frame(opcode, payload) {
  return Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
}

server.on('upgrade', (request, socket) => {
  socket.on('error', () => socket.destroy());
  if (!known(request)) {
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = crypto.createHash('sha1').update(key).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.write(frame(1, Buffer.from(`{"told": ${++told}}`)));
  let held = Buffer.alloc(0);
  socket.on('data', (data) => {
    held = Buffer.concat([held, data]);
    while (held.length >= 6 && held.length >= 6 + (held[1] & 0x7f)) {
      const length = held[1] & 0x7f;
      const payload = Buffer.from(held.subarray(6, 6 + length));
      for (let at = 0; at < length; at += 1) payload[at] ^= held[2 + (at % 4)];
      const opcode = held[0] & 0x0f;
      held = held.subarray(6 + length);
      if (opcode === 9) socket.write(frame(10, payload));
      if (opcode === 8) socket.end(frame(8, payload));
    }
  });
});

const lines = net.createServer((socket) => {
  socket.on('error', () => socket.destroy());
  if (!password) {
    socket.write(`{"told": ${++told}}\n`);
    return;
  }
  socket.once('data', (data) => {
    if (data.toString().trim() === `LOGIN ${password}`) socket.write(`{"told": ${++told}}\n`);
    else socket.end();
  });
});

server.listen(Number(httpPort), '127.0.0.1', () => {
  lines.listen(Number(tcpPort), '127.0.0.1', () => {
    console.log(JSON.stringify({http: server.address().port, tcp: lines.address().port}));
  });
});
