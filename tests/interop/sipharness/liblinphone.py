"""The part of liblinphone's C interface that a test phone needs, by ctypes. Versions 5.1 to 5.3 have all of it alike.

`Lib` has a member for each function: `linphone_core_iterate` is `Lib().core_iterate`.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from typing import Any

POINTER, TEXT, INT, BOOL, VOID = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint8, None

# name: (result, *arguments)
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "factory_get": (POINTER,),
    "factory_create_core_3": (POINTER, POINTER, TEXT, TEXT, POINTER),
    "factory_create_core_cbs": (POINTER, POINTER),
    "factory_set_config_dir": (VOID, POINTER, TEXT),
    "factory_set_data_dir": (VOID, POINTER, TEXT),
    "factory_set_download_dir": (VOID, POINTER, TEXT),
    "logging_service_get": (POINTER,),
    "logging_service_set_log_level": (VOID, POINTER, INT),
    "core_get_version": (TEXT,),
    "core_add_callbacks": (VOID, POINTER, POINTER),
    "core_start": (INT, POINTER),
    "core_stop": (VOID, POINTER),
    "core_iterate": (VOID, POINTER),
    "core_set_use_files": (VOID, POINTER, BOOL),
    "core_set_play_file": (VOID, POINTER, TEXT),
    "core_set_record_file": (VOID, POINTER, TEXT),
    "core_set_media_encryption_mandatory": (VOID, POINTER, BOOL),
    "core_set_use_info_for_dtmf": (VOID, POINTER, BOOL),
    "core_set_use_rfc2833_for_dtmf": (VOID, POINTER, BOOL),
    "core_set_tag_100rel_support_level": (VOID, POINTER, INT),
    "core_set_session_expires_enabled": (VOID, POINTER, BOOL),
    "core_set_session_expires_value": (VOID, POINTER, INT),
    "core_set_session_expires_min_value": (VOID, POINTER, INT),
    "core_get_audio_payload_types": (POINTER, POINTER),
    "core_set_audio_payload_types": (VOID, POINTER, POINTER),
    "payload_type_get_mime_type": (TEXT, POINTER),
    "payload_type_get_clock_rate": (INT, POINTER),
    "payload_type_enable": (INT, POINTER, BOOL),
    "core_interpret_url": (POINTER, POINTER, TEXT),
    "core_create_call_params": (POINTER, POINTER, POINTER),
    "core_invite_address_with_params": (POINTER, POINTER, POINTER, POINTER),
    "core_terminate_all_calls": (INT, POINTER),
    "call_ref": (POINTER, POINTER),
    "call_unref": (VOID, POINTER),
    "call_accept": (INT, POINTER),
    "call_decline": (INT, POINTER, INT),
    "call_terminate": (INT, POINTER),
    "call_pause": (INT, POINTER),
    "call_resume": (INT, POINTER),
    "call_send_dtmf": (INT, POINTER, ctypes.c_char),
    "call_transfer_to": (INT, POINTER, POINTER),
    "call_transfer_to_another": (INT, POINTER, POINTER),
    "call_state_to_string": (TEXT, INT),
    "call_get_remote_address_as_string": (POINTER, POINTER),
    "call_get_error_info": (POINTER, POINTER),
    "call_get_current_params": (POINTER, POINTER),
    "call_params_get_media_encryption": (INT, POINTER),
    "error_info_get_protocol_code": (INT, POINTER),
    "registration_state_to_string": (TEXT, INT),
    "subscription_state_to_string": (TEXT, INT),
    "core_subscribe": (POINTER, POINTER, POINTER, TEXT, INT, POINTER),
    "event_get_name": (TEXT, POINTER),
    "event_terminate": (VOID, POINTER),
    "content_get_utf8_text": (TEXT, POINTER),
    "core_get_chat_room": (POINTER, POINTER, POINTER),
    "chat_room_create_message_from_utf8": (POINTER, POINTER, TEXT),
    "chat_message_send": (VOID, POINTER),
    "chat_message_get_callbacks": (POINTER, POINTER),
    "chat_message_state_to_string": (TEXT, INT),
    "chat_message_get_utf8_text": (TEXT, POINTER),
    "chat_message_get_from_address": (POINTER, POINTER),
    "address_as_string_uri_only": (POINTER, POINTER),
    "core_get_default_account": (POINTER, POINTER),
    "account_get_params": (POINTER, POINTER),
    "account_params_clone": (POINTER, POINTER),
    "account_params_set_register_enabled": (VOID, POINTER, BOOL),
    "account_set_params": (INT, POINTER, POINTER),
}

# What the library calls back: the name of the core's callback, and its arguments.
CALLBACKS: dict[str, tuple[Any, ...]] = {
    "call_state_changed": (POINTER, POINTER, INT, TEXT),
    "registration_state_changed": (POINTER, POINTER, INT, TEXT),
    "dtmf_received": (POINTER, POINTER, INT),
    "transfer_state_changed": (POINTER, POINTER, INT),
    "notify_received": (POINTER, POINTER, TEXT, POINTER),
    "subscription_state_changed": (POINTER, POINTER, INT),
    "message_received": (POINTER, POINTER, POINTER),
}
MESSAGE_STATE = ctypes.CFUNCTYPE(VOID, POINTER, INT)


class _Node(ctypes.Structure):
    """bctbx_list_t."""


_Node._fields_ = [("next", ctypes.POINTER(_Node)), ("previous", ctypes.POINTER(_Node)), ("data", POINTER)]


class Lib:
    """The library, with types. Raises OSError if it is not installed."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("linphone")
        if name is None:
            raise OSError("liblinphone is not installed: tests/run installs it, or apt-get install linphone-cli")
        self._library = ctypes.CDLL(name)
        self._callbacks: list[Any] = []  # the library keeps no reference
        for function, (result, *arguments) in _FUNCTIONS.items():
            self._declare(f"linphone_{function}", result, *arguments)
        for callback in CALLBACKS:
            self._declare(f"linphone_core_cbs_set_{callback}", VOID, POINTER, POINTER)
        self._declare("linphone_chat_message_cbs_set_msg_state_changed", VOID, POINTER, POINTER)
        self._declare("bctbx_list_append", POINTER, POINTER, POINTER)

    def _declare(self, name: str, result: Any, *arguments: Any) -> None:
        function = getattr(self._library, name)
        function.restype, function.argtypes = result, arguments
        setattr(self, name.removeprefix("linphone_"), function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"linphone_{name} is not declared")

    def listen(self, core: int, callbacks: int, listeners: dict[str, Any]) -> None:
        """Have `listeners`, by the names of CALLBACKS, called during `core_iterate`."""
        for name, listener in listeners.items():
            entry = ctypes.CFUNCTYPE(VOID, *CALLBACKS[name])(listener)
            self._callbacks.append(entry)
            getattr(self, f"core_cbs_set_{name}")(callbacks, ctypes.cast(entry, POINTER))
        self.core_add_callbacks(core, callbacks)

    def watch_message(self, message: int, listener: Any) -> None:
        entry = MESSAGE_STATE(listener)
        self._callbacks.append(entry)
        self.chat_message_cbs_set_msg_state_changed(
            self.chat_message_get_callbacks(message), ctypes.cast(entry, POINTER)
        )

    def items(self, head: int) -> Iterator[int]:
        """The elements of a list of the library's."""
        node = ctypes.cast(head, ctypes.POINTER(_Node))
        while node:
            yield node.contents.data
            node = node.contents.next

    def list_of(self, elements: list[int]) -> int | None:
        head = None
        for element in elements:
            head = self.bctbx_list_append(head, element)
        return head


def text_of(pointer: int | None) -> str:
    """A char * that the library allocated for us."""
    value = ctypes.cast(pointer, TEXT).value if pointer else b""
    return (value or b"").decode(errors="replace")
