"""MediaPipe's face mesh as a graph without a memory: what it follows is handed to it, and its detector can rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from pipeline.extract.visual.deferred import deferred

# MediaPipe's modules for drawing import matplotlib, which takes longer to load than all the rest of it.
with deferred("matplotlib", "pyplot"):
    import mediapipe
    from mediapipe.framework import calculator_pb2
    from mediapipe.framework.formats import detection_pb2, location_data_pb2
    from mediapipe.python import ImageFormat, packet_creator
    from mediapipe.python._framework_bindings import _packet_getter
    from mediapipe.python._framework_bindings.calculator_graph import CalculatorGraph
    from mediapipe.python.solution_base import SolutionBase

_FILE = "modules/face_landmark/face_landmark_front_cpu.binarypb"
# One landmark as protobuf writes it: two bytes before it, and one before each number.
_LANDMARK = np.dtype(
    {"names": ["x", "y", "z"], "formats": ["<f4"] * 3, "offsets": [3, 8, 13], "itemsize": 17}
)
_TICK = 1  # time between two pictures for the graph, microseconds; it tells them apart and nothing else


@dataclass(frozen=True, eq=False)
class Meshes:
    """The faces in one picture.

    Attributes:
        faces: the points of each, x, y and depth in pixels; read-only.
        places: where they are, for the next picture; None without a face.
    """

    faces: list[Float64[np.ndarray, "478 3"]]
    places: Any | None


class MeshGraph(SolutionBase):  # type: ignore[misc]
    """`FaceMesh` of MediaPipe 0.10.14, the same calculators with the same models: the same bits for the same pictures in the same order.

    What that class keeps from picture to picture, the places of the faces, is handed in and out here. So a picture can be looked at
    twice, and a new recording needs no new start of the graph, which reads its models again. Its detector runs where it is asked to.

    Args:
        max_faces: number of faces that are followed.
        min_confidence: least confidence of the detector, and of the mesh in what it follows, 0 to 1.
    """

    def __init__(self, *, max_faces: int, min_confidence: float) -> None:
        super().__init__(
            graph_config=_graph(),
            side_inputs={"num_faces": max_faces, "with_attention": True},
            calculator_params={
                "facedetectionshortrangecpu__facedetectionshortrange__facedetection__TensorsToDetectionsCalculator.min_score_thresh": min_confidence,
                "facelandmarkcpu__ThresholdingCalculator.threshold": min_confidence,
            },
            outputs=["multi_face_landmarks", "face_rects_from_landmarks"],
        )
        self._time = 0
        self._nowhere = _some_places()

    def find(
        self, image: UInt8[np.ndarray, "height width 3"], *, places: Any | None = None, detect: bool = True
    ) -> Meshes:
        """Put a mesh on each face.

        Args:
            image: picture in RGB.
            places: the `places` of the picture before, whose faces are followed; None to follow none.
            detect: whether the detector looks for further faces.
        """
        outputs = self._graph_outputs
        outputs.clear()
        self._time += _TICK
        for stream, packet in (
            ("detect", packet_creator.create_bool(detect)),
            ("follow", packet_creator.create_bool(places is not None)),
            ("prev_face_rects_from_landmarks", self._nowhere if places is None else places),
            ("image", packet_creator.create_image(image, image_format=ImageFormat.SRGB)),
        ):
            self._graph.add_packet_to_input_stream(stream=stream, packet=packet.at(self._time))
        self._graph.wait_until_idle()
        found = outputs.get("multi_face_landmarks")
        if found is None or found.is_empty():
            return Meshes([], None)
        height, width, _ = image.shape
        # MediaPipe measures depth on the scale of the width.
        scale = np.array([width, height, width], np.float64)
        faces = [_points(content, scale) for content in _packet_getter._get_serialized_proto_list(found)]
        return Meshes(faces, outputs["face_rects_from_landmarks"])


def _points(content: bytes, scale: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "478 3"]:
    landmarks = np.frombuffer(content, _LANDMARK)
    points = np.empty((len(landmarks), 3))
    for column, name in enumerate(_LANDMARK.names or ()):
        points[:, column] = landmarks[name]
    points *= scale
    points.setflags(write=False)
    return points


def _graph() -> Any:
    """The graph of `FaceMesh`, with an input in place of its memory and a gate before its detector."""
    graph = calculator_pb2.CalculatorGraphConfig()
    graph.ParseFromString((Path(mediapipe.__file__).parent / _FILE).read_bytes())
    graph.type = ""
    (memory,) = [
        index for index, node in enumerate(graph.node) if node.calculator == "PreviousLoopbackCalculator"
    ]
    del graph.node[memory]
    gates = {gate.input_stream[0]: gate for gate in graph.node if gate.calculator == "GateCalculator"}
    following = gates["prev_face_rects_from_landmarks"]
    following.ClearField("input_side_packet")
    following.ClearField("options")
    following.input_stream.append("ALLOW:follow")
    gates["image"].input_stream[0] = "image_to_search"
    graph.node.add(
        calculator="GateCalculator",
        input_stream=["image", "ALLOW:detect"],
        output_stream=["image_to_search"],
    )
    graph.input_stream.extend(["DETECT:detect", "FOLLOW:follow", "PLACES:prev_face_rects_from_landmarks"])
    del graph.input_side_packet[:]
    graph.input_side_packet.extend(["NUM_FACES:num_faces", "WITH_ATTENTION:with_attention"])
    return graph


def _some_places() -> Any:
    """Places of the type that the graph wants, for its closed gate: Python can make none, but another graph can."""
    config = calculator_pb2.CalculatorGraphConfig(input_stream=["detection"], output_stream=["places"])
    config.node.add(
        calculator="DetectionsToRectsCalculator",
        input_stream=["DETECTION:detection"],
        output_stream=["NORM_RECTS:places"],
    )
    graph = CalculatorGraph(graph_config=config)
    made: list[Any] = []
    graph.observe_output_stream("places", lambda _, packet: made.append(packet))
    graph.start_run()
    detection = detection_pb2.Detection()
    location = detection.location_data
    location.format = location_data_pb2.LocationData.RELATIVE_BOUNDING_BOX
    box = location.relative_bounding_box
    box.xmin = box.ymin = box.width = box.height = 0.0
    graph.add_packet_to_input_stream(stream="detection", packet=packet_creator.create_proto(detection).at(0))
    graph.wait_until_idle()
    graph.close()
    return made[0]
