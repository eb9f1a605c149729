# SPDX-License-Identifier: Apache-2.0
"""A receiver that speaks HTTP/2 with those who choose it by ALPN, and HTTP/1.1 with the others."""

import asyncio
import time

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from .receiver import Receiver, Request


class Http2Receiver(Receiver):
    """Answers have status, headers, body and delay_s; what breaks a connection is HTTP/1.1's receiver's."""

    def __init__(self, ssl_context, **kwargs):
        self.http2_requests = 0
        super().__init__(ssl_context, **kwargs)

    async def _serve(self, reader, writer):
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            await super()._serve(reader, writer)
            return
        self.connections += 1
        number = self.connections
        http2 = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1"))
        http2.initiate_connection()
        open_streams, tasks = {}, set()
        try:
            writer.write(http2.data_to_send())
            while data := await reader.read(65536):
                for event in http2.receive_data(data):
                    if isinstance(event, RequestReceived):
                        open_streams[event.stream_id] = (event.headers, bytearray())
                    elif isinstance(event, DataReceived):
                        open_streams[event.stream_id][1].extend(event.data)
                        http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, StreamEnded):
                        headers, body = open_streams.pop(event.stream_id)
                        task = asyncio.ensure_future(
                            self._answer(http2, writer, event.stream_id, self._request(headers, body, number))
                        )
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
                writer.write(http2.data_to_send())
                await writer.drain()
        except (ConnectionError, OSError, asyncio.CancelledError):
            pass  # the other side went, or the test is over
        finally:
            writer.close()

    @staticmethod
    def _request(headers, body, connection):
        pseudo = {name: value for name, value in headers if name.startswith(":")}
        plain = [(name, value) for name, value in headers if not name.startswith(":")]
        return Request(pseudo[":path"], pseudo[":method"], plain, bytes(body), time.time(), connection)

    async def _answer(self, http2, writer, stream, request):
        answer = self._answer_for(request.path)
        await asyncio.sleep(answer.delay_s)
        request.status = answer.status
        with self.lock:
            self.requests.append(request)
            self.http2_requests += 1
        http2.send_headers(stream, [(":status", str(answer.status)), *answer.headers.items()])
        http2.send_data(stream, answer.body, end_stream=True)
        writer.write(http2.data_to_send())
